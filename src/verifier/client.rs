//! The client of a request: the budget that it spends, and its place among the account's known
//! ones.

use crate::device::{Budget, ClientTag, Device};
use crate::id::AccountId;
use crate::store::{Account, Enrolled, Revision, Sealer, Write};
use crate::time::UnixTime;
use crate::verifier::{Verifier, throttle};

/// The client of an attempt, and the budget that it spends.
pub(super) struct Client<'a> {
    pub(super) tag: Option<&'a ClientTag>,
    pub(super) budget: Budget,
}

impl<'a> Client<'a> {
    /// The client with this tag, as the account knows it.
    pub(super) fn of(account: &Account, tag: Option<&'a ClientTag>) -> Client<'a> {
        Client { tag, budget: account.clients.budget(tag) }
    }

    /// Time until which its codes are refused unjudged.
    pub(super) fn throttled_until(&self, account: &Account, now: UnixTime) -> Option<UnixTime> {
        match self.budget {
            Budget::Shared => throttle::throttled_until(account, now),
            Budget::Own => account.clients.throttled_until(self.tag, now),
        }
    }

    /// Time until which its pairs are refused unjudged; `None` for a stranger, whose pairs the
    /// device counts.
    pub(super) fn pairs_spent_until(&self, account: &Account, now: UnixTime) -> Option<UnixTime> {
        match self.budget {
            Budget::Shared => None,
            Budget::Own => account.clients.pairs_spent_until(self.tag, now),
        }
    }

    /// The account after a wrong code of this client.
    pub(super) fn after_failure(&self, account: &Account, now: UnixTime) -> Account {
        match (self.budget, self.tag) {
            (Budget::Own, Some(tag)) => {
                Account { clients: account.clients.after_failure(tag, now), ..account.clone() }
            }
            _ => throttle::after_failure(account, now),
        }
    }
}

impl Verifier {
    /// The tag of this request's client. A client is one of its caller: two services that send the
    /// same id mean two clients.
    pub(super) fn client_tag(&self, sealer: &Sealer, account: &AccountId) -> Option<ClientTag> {
        let client = self.client.as_ref()?.as_str().as_bytes();
        let (account, caller) = (account.as_str().as_bytes(), self.caller.as_str().as_bytes());
        let digest = sealer.digest("client", &[account, caller, client]);
        Some(ClientTag::new(digest.get(..16)?))
    }
}

/// The account after a success of this client; `None` if nothing changes.
pub(super) fn after_success(
    account: &Account,
    tag: Option<&ClientTag>,
    now: UnixTime,
) -> Option<Account> {
    let clients = account.clients.after_success(tag?, now)?;
    Some(Account { clients, ..account.clone() })
}

/// The write that notes a success of this client; `None` if nothing changes.
pub(super) fn note_success(
    (account, seen): (&Account, Revision),
    tag: Option<&ClientTag>,
    now: UnixTime,
) -> Option<Write> {
    after_success(account, tag, now).map(|account| Write::UpdateAccount { seen, account })
}

/// The write for a device that was judged. One that is unchanged is only asserted, so that
/// concurrent attempts do not conflict with this one.
pub(super) fn judged_device(seen: &Enrolled, device: Device) -> Write {
    match device == seen.device {
        true => Write::ExpectDevice { serial: device.serial, seen: seen.revision },
        false => Write::UpdateDevice { seen: seen.revision, device },
    }
}
