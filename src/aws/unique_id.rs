//! Unique ids, which tell a principal from an earlier one of the same name, and a key from others.
//!
//! Specified in the IAM User Guide, "Unique identifiers": four letters of the kind, and 16 digits
//! of base 32 (RFC 4648 §6) behind them.

use crate::id::AccountId;
use crate::store::{Account, KeyError, Sealer, random};
use crate::verifier::{Error, Verifier};

/// The kinds of unique ids that are made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdKind {
    LongTermKey,
    TemporaryKey,
}

/// The unique id of the user that an account is: `AIDA` and 16 characters. An account that was
/// removed and is seen again has another one.
pub fn user_id(sealer: &Sealer, account: &Account) -> String {
    let since = account.created_at.0.to_be_bytes();
    let digest = sealer.digest("aws user", &[account.id.as_str().as_bytes(), &since]);
    written("AIDA", digest.first_chunk::<10>().unwrap_or(&[0; 10]))
}

/// The unique id of the user that an account is now.
///
/// # Errors
/// [`Error::NotFound`] for an account that is not there; [`Error::Store`].
pub(super) async fn present_user_id(
    verifier: &Verifier,
    sealer: &Sealer,
    account: &AccountId,
) -> Result<String, Error> {
    let seen = verifier.store().account(account).await?;
    let there = seen.map(|seen| seen.account).filter(|account| account.removed_at.is_none());
    Ok(user_id(sealer, &there.ok_or(Error::NotFound("account"))?))
}

/// A new id, of 80 random bits.
pub(super) fn new_id(kind: IdKind) -> Result<String, KeyError> {
    let letters = match kind {
        IdKind::LongTermKey => "AKIA",
        IdKind::TemporaryKey => "ASIA",
    };
    Ok(written(letters, &*random::<10>()?))
}

fn written(letters: &str, bytes: &[u8; 10]) -> String {
    let alphabet = base32::Alphabet::Rfc4648 { padding: false };
    format!("{letters}{}", base32::encode(alphabet, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::store::Keyring;
    use crate::time::UnixTime;

    fn account(name: &str, created_at: u64) -> Account {
        let json = format!(
            r#"{{"id":"{name}","created_at":{created_at},"protected":false,"generation":0,
                "revoked_before":null,"failures":[],"throttled_until":null,"removed_at":null}}"#
        );
        let account: Account = serde_json::from_str(&json).unwrap();
        assert_eq!(account.created_at, UnixTime(created_at));
        account
    }

    #[test]
    fn an_account_that_comes_back_is_another_user() {
        let sealer = Sealer::new(Keyring::ephemeral().unwrap(), Secret::from([7; 32].as_slice()));
        let id = user_id(&sealer, &account("alice", 1));
        assert_eq!(id, user_id(&sealer, &account("alice", 1)));
        assert!(id.len() == 20 && id.starts_with("AIDA"), "{id}");
        assert_ne!(id, user_id(&sealer, &account("alice", 2)));
        assert_ne!(id, user_id(&sealer, &account("bob", 1)));
    }

    #[test]
    fn a_new_id_has_20_characters_and_is_met_once() {
        let ids: Vec<String> = (0..100).map(|_| new_id(IdKind::LongTermKey).unwrap()).collect();
        assert!(ids.iter().all(|id| id.len() == 20 && id.starts_with("AKIA")));
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 100);
    }
}
