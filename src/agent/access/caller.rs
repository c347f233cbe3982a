//! The authenticated caller of a request: its role, and the accounts that exist for it.

use std::sync::Arc;

use crate::agent::access::denied::Denied;
use crate::agent::access::notes::Notes;
use crate::agent::access::places::{Place, Places};
use crate::agent::config::{AccountPattern, Fold, Role};
use crate::id::{AccountId, CallerId, ClientId};

/// An authenticated caller.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) id: CallerId,
    pub(crate) role: Role,
    pub(crate) scope: Scope,
    /// The accounts of which refusals carry their reason.
    pub(crate) explain: Scope,
    /// A reverse proxy, trusted to say which address its visitor asked for.
    pub(crate) forward: bool,
    /// The services of AWS's wire whose signing keys it may ask for.
    pub(crate) signing_keys: SigningKeys,
    /// The context of a bypass code is a proof for changes.
    pub(crate) bypass_counts: bool,
    /// The person's browser or address, on the caller's word; from the body of the request.
    pub(crate) client: Option<ClientId>,
    /// The place of its request.
    pub(crate) place: Arc<Place>,
    /// Notes on its request.
    pub(crate) notes: Arc<Notes>,
}

/// A choice of services, by the names in the scopes of their signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SigningKeys {
    Of(Vec<String>),
    OfAll,
}

/// A choice of accounts: those that exist for a caller, or of which it hears reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    All,
    Only {
        patterns: Vec<AccountPattern>,
        /// The value of `$user`.
        login: Option<String>,
        fold: Fold,
    },
}

impl Caller {
    /// A caller that is no proxy and names no client.
    pub(crate) fn new(id: CallerId, role: Role, scope: Scope, explain: Scope) -> Caller {
        let place = Arc::new(Place::unlimited(&id, role));
        let notes = Arc::default();
        let (forward, bypass_counts, client) = (false, false, None);
        let signing_keys = SigningKeys::Of(Vec::new());
        Caller {
            id,
            role,
            scope,
            explain,
            forward,
            signing_keys,
            bypass_counts,
            client,
            place,
            notes,
        }
    }

    /// Gives its request a place among those of all callers.
    pub(crate) fn seated(self, places: &Arc<Places>) -> Caller {
        Caller { place: places.place(&self.id, self.role), ..self }
    }

    /// Sets if it is a proxy.
    pub(crate) fn forwarding(self, forward: bool) -> Caller {
        Caller { forward, ..self }
    }

    /// Gives it the signing keys of services.
    pub(crate) fn with_signing_keys(self, signing_keys: SigningKeys) -> Caller {
        Caller { signing_keys, ..self }
    }

    /// `true` if it may ask for the signing keys of a service.
    pub(crate) fn has_signing_keys_of(&self, service: &str) -> bool {
        match &self.signing_keys {
            SigningKeys::OfAll => true,
            SigningKeys::Of(services) => services.iter().any(|known| known == service),
        }
    }

    /// `true` if the account exists for this caller.
    pub(crate) fn sees(&self, account: &AccountId) -> bool {
        self.scope.covers(account)
    }

    /// `true` if every account exists for this caller.
    pub(crate) fn sees_all(&self) -> bool {
        self.scope == Scope::All
    }

    /// `true` if this caller may hear why something was refused for the account; without one, for
    /// any.
    pub(crate) fn hears_why(&self, account: Option<&AccountId>) -> bool {
        match account {
            Some(account) => self.explain.covers(account),
            None => self.explain == Scope::All,
        }
    }

    /// `true` if the account of its own login name is the only one that exists for it.
    pub(crate) fn sees_only_its_own(&self) -> bool {
        let Scope::Only { patterns, .. } = &self.scope else { return false };
        patterns.iter().all(|pattern| *pattern == AccountPattern::LoginName)
    }

    /// Refuses a caller below this role.
    pub(crate) fn must_be(&self, role: Role) -> Result<(), Denied> {
        if self.role >= role {
            Ok(())
        } else {
            Err(Denied::forbidden(format!(
                "your role does not allow this: it takes {}, and yours is {}",
                role.name(),
                self.role.name()
            )))
        }
    }
}

impl Scope {
    fn covers(&self, account: &AccountId) -> bool {
        match self {
            Scope::All => true,
            Scope::Only { patterns, login, fold } => patterns
                .iter()
                .any(|pattern| pattern.covers_folded(account, login.as_deref(), *fold)),
        }
    }
}
