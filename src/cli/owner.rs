//! The right to change the devices of a protected account, seen before anything is asked for.

use crate::cli::console::Console;
use crate::cli::output::{Exit, Failure};
use crate::cli::refusal::{OPEN_ONE, Subject, Task};
use crate::cli::{kept, words};
use crate::client::Client;
use crate::device::DeviceState;
use crate::id::{AccountId, SerialNumber};
use crate::verifier::FreshMfa;
use crate::wire::ListEvents;

/// A client that may change this account's devices: with the session that was given, or the one
/// that `login` keeps.
///
/// # Errors
/// The account is protected, the caller is no administrator, and there is no fresh session of it.
pub(super) async fn of_account(
    console: &Console,
    account: &AccountId,
    named: bool,
) -> Result<Client, Failure> {
    let kept = || kept::one(console.socket(), account, None).map(|kept| kept.token);
    let token = match console.given() {
        Some(given) => Some(given.clone()),
        None => kept(),
    };
    let client = console.client().clone();
    let Some(token) = token else {
        return match is_protected(console, account).await && !is_administrator(console).await {
            false => Ok(client),
            true => Err(refused(None, account, named)),
        };
    };
    let found = console.client().introspect(&token, None).await;
    let stale = match found.map_err(console.failing(Task::Change))? {
        None => Some("it is over, revoked, or not for the agent itself"),
        Some(context) => match context.mfa {
            None => Some("it was opened without MFA"),
            Some(mfa) if mfa.age_seconds > FreshMfa::LIFETIME.as_secs() => {
                Some("its proof is older than 15 minutes")
            }
            Some(_) => None,
        },
    };
    match stale {
        Some(why) if is_protected(console, account).await && !is_administrator(console).await => {
            Err(refused(Some(why), account, named))
        }
        _ => client
            .proved_by(&token)
            .map_err(|_| Failure::bad_input("the MFA context is no token")),
    }
}

/// The same for the account of a device. A device that the caller does not see is left to the
/// agent's answer.
pub(super) async fn of_device(console: &Console, serial: &SerialNumber) -> Result<Client, Failure> {
    let device = console.client().device(serial).await.map_err(console.failing(Task::Other))?;
    let Some(account) = device.account else { return Ok(console.client().clone()) };
    let named = console.account(None).ok().as_ref() != Some(&account);
    of_account(console, &account, named).await
}

async fn is_protected(console: &Console, account: &AccountId) -> bool {
    let devices = console.client().all_devices(Some(account), None).await.unwrap_or_default();
    devices.iter().any(|device| device.state != DeviceState::Pending)
}

/// Administrators change devices on their own word.
async fn is_administrator(console: &Console) -> bool {
    let one = ListEvents { limit: Some(1), ..ListEvents::default() };
    console.client().audit(&one).await.is_ok()
}

fn refused(stale: Option<&str>, account: &AccountId, named: bool) -> Failure {
    let subject = Subject { account: named.then(|| account.clone()), ..Subject::default() };
    let says = match stale {
        Some(why) => format!("the session does not prove that this is its owner: {why}"),
        None => format!(
            "{} is protected: its devices change with a fresh session of its owner",
            words::text(account)
        ),
    };
    OPEN_ONE
        .iter()
        .fold(Failure::new(Exit::Refused, says), |failure, hint| failure.hint(subject.spelt(hint)))
}
