//! The agent itself: audit, API keys, signing keys, backup and clock. For administrators.

use std::collections::HashMap;

use zeroize::Zeroizing;

use crate::agent::access::{Caller, Denied, Failure};
use crate::agent::config::{AccountPattern, Role};
use crate::agent::operations::scope;
use crate::agent::state::State;
use crate::aws::sigv4::Rules;
use crate::id::{CallerId, DeviceName};
use crate::session::{Checkpoint, SigningAlgorithm, SigningKeyInfo};
use crate::store::{
    ApiKeyRecord, AuditCursor, AuditFilter, AuditFrom, AuditList, AuditReport, AuditRow,
};
use crate::time::UnixTime;
use crate::verifier::NewApiKey;

/// A request for a page of the audit log.
pub(crate) struct AuditListing<'a> {
    pub(crate) from: AuditFrom,
    pub(crate) limit: Option<u32>,
    /// The name of an account that rows are to concern.
    pub(crate) account: Option<&'a str>,
    /// The choice beside the account.
    pub(crate) only: AuditFilter,
}

/// A page of the audit log.
pub(crate) struct AuditPage {
    pub(crate) rows: Vec<AuditRow>,
    /// The position of the next page, if there may be one.
    pub(crate) next: Option<AuditCursor>,
    /// The end of the log, on the last page.
    pub(crate) end: Option<AuditCursor>,
    /// Names of the callers, as far as they are known.
    pub(crate) names: HashMap<CallerId, String>,
}

/// An API key to make.
pub(crate) struct ApiKeyRequest {
    pub(crate) role: Role,
    pub(crate) name: Option<String>,
    /// Names, or prefixes that end in `*`; all accounts if left out.
    pub(crate) accounts: Option<Vec<String>>,
    pub(crate) explain: bool,
    pub(crate) forward: bool,
    /// The name of the account of the operator that it is for.
    pub(crate) operator: Option<String>,
    /// The services of AWS's wire whose signing keys it may ask for.
    pub(crate) signing_keys: Vec<String>,
}

/// Reads the audit log, oldest first.
pub(crate) async fn audit(
    state: &State,
    caller: &Caller,
    listing: AuditListing<'_>,
) -> Result<AuditPage, Failure> {
    caller.must_be(Role::Admin)?;
    let AuditListing { from, limit, account, only } = listing;
    let limit = scope::page_size(limit)?;
    let account = account.map(|name| scope::existing(state, name)).transpose()?;
    let only = AuditFilter { account, ..only };
    caller.place.page().await;
    let store = state.verifier.store();
    // Read before the rows: what is added between is after the end, and is found by it.
    let ends = store.audit_ends().await.ok();
    let rows = store.audit_rows(AuditList { from: from.clone(), limit, only }).await?;
    let passed = |mut cursor: AuditCursor| {
        rows.iter().for_each(|row| cursor.pass(row));
        cursor
    };
    let (cursor, is_last) = match from {
        AuditFrom::After(cursor) => (cursor, !scope::is_full(&rows, limit)),
        AuditFrom::Newest => (AuditCursor::start(), true),
    };
    let next = (!is_last).then(|| passed(cursor.clone()));
    let end = ends.filter(|_| is_last).map(|ends| {
        let mut end = passed(cursor);
        for chain in ends.chains {
            end.pass_to(chain.head.chain, chain.head.number);
        }
        end
    });
    let names = state.callers.names(rows.iter().map(|row| &row.event.caller)).await;
    Ok(AuditPage { rows, next, end, names })
}

/// Recomputes the audit log's chain of hashes.
pub(crate) async fn verify_audit(state: &State, caller: &Caller) -> Result<AuditReport, Failure> {
    caller.must_be(Role::Admin)?;
    Ok(state.verifier.store().verify_audit().await?)
}

/// Signs where the audit log ends.
pub(crate) async fn checkpoint(
    state: &State,
    caller: &Caller,
) -> Result<(String, Checkpoint), Failure> {
    caller.must_be(Role::Admin)?;
    Ok(state.issuer.checkpoint().await?)
}

/// Makes an API key. Its text is returned this once.
pub(crate) async fn make_api_key(
    state: &State,
    caller: &Caller,
    request: ApiKeyRequest,
) -> Result<(ApiKeyRecord, Zeroizing<String>), Failure> {
    caller.must_be(Role::Admin)?;
    request.judge()?;
    let ApiKeyRequest { role, name, accounts, explain, forward, operator, signing_keys } = request;
    let operator = operator.map(|name| scope::named(state, &name)).transpose()?;
    let role = role.name().to_owned();
    let new = NewApiKey { name, role, accounts, explain, forward, operator, signing_keys };
    Ok(scope::verifier(state, caller).make_api_key(new).await?)
}

/// Lists API keys.
pub(crate) async fn api_keys(state: &State, caller: &Caller) -> Result<Vec<ApiKeyRecord>, Failure> {
    caller.must_be(Role::Admin)?;
    caller.place.page().await;
    Ok(state.verifier.store().api_keys().await?)
}

/// Revokes an API key at once.
pub(crate) async fn revoke_api_key(
    state: &State,
    caller: &Caller,
    id: &str,
) -> Result<(), Failure> {
    caller.must_be(Role::Admin)?;
    Ok(scope::verifier(state, caller).revoke_api_key(id).await?)
}

/// Lists signing keys, newest first.
pub(crate) async fn signing_keys(
    state: &State,
    caller: &Caller,
) -> Result<Vec<SigningKeyInfo>, Failure> {
    caller.must_be(Role::Admin)?;
    Ok(state.issuer.signing_keys().await?)
}

/// Replaces the signing key. The old one verifies the contexts that it signed.
pub(crate) async fn rotate_signing_keys(
    state: &State,
    caller: &Caller,
    algorithm: Option<SigningAlgorithm>,
) -> Result<SigningKeyInfo, Failure> {
    caller.must_be(Role::Admin)?;
    let algorithm = algorithm.or(state.config.sessions.algorithm).unwrap_or_default();
    let issuer = state.issuer.clone().on_behalf_of(caller.id.clone());
    Ok(issuer.rotate_keys(algorithm).await?)
}

/// Drops a signing key at once: contexts that it signed are not valid any more.
pub(crate) async fn drop_signing_key(
    state: &State,
    caller: &Caller,
    kid: &str,
) -> Result<(), Failure> {
    caller.must_be(Role::Admin)?;
    let issuer = state.issuer.clone().on_behalf_of(caller.id.clone());
    Ok(issuer.drop_key(kid).await?)
}

/// Accepts the clock as it is now, and returns its time.
pub(crate) async fn accept_clock(state: &State, caller: &Caller) -> Result<UnixTime, Failure> {
    caller.must_be(Role::Admin)?;
    Ok(scope::verifier(state, caller).accept_clock().await?)
}

/// Ends the restored state. Returns the time of the restore; none if there was no such state.
pub(crate) async fn accept_restore(
    state: &State,
    caller: &Caller,
) -> Result<Option<UnixTime>, Failure> {
    caller.must_be(Role::Admin)?;
    Ok(scope::verifier(state, caller).accept_restore().await?)
}

impl ApiKeyRequest {
    fn judge(&self) -> Result<(), Denied> {
        if let Some(name) = &self.name {
            if !(1..=128).contains(&name.len()) {
                return Err(Denied::bad_input("a name has 1 to 128 bytes"));
            }
            name.parse::<DeviceName>().map_err(Denied::bad_input)?;
        }
        for account in self.accounts.iter().flatten() {
            let pattern: AccountPattern = account.parse().map_err(Denied::bad_input)?;
            if pattern == AccountPattern::LoginName {
                return Err(Denied::bad_input("an API key has no login name: name the accounts"));
            }
        }
        if self.role == Role::Verifier && self.operator.is_some() {
            return Err(Denied::bad_input("operator: their keys have the role enroller or admin"));
        }
        if self.role == Role::Admin && self.accounts.is_some() {
            return Err(Denied::bad_input(
                "an admin may do everything: leave out accounts, or choose another role",
            ));
        }
        if self.accounts.as_ref().is_some_and(Vec::is_empty) {
            return Err(Denied::bad_input("accounts is empty: name some, or leave it out for all"));
        }
        for service in &self.signing_keys {
            Rules::service(service).map_err(Denied::bad_input)?;
        }
        Ok(())
    }
}
