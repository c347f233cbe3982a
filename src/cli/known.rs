//! Accounts and devices that the agent knows: a name that it does not know is refused with the
//! nearest ones.

use crate::cli::console::Console;
use crate::cli::output::{Exit, Failure, plain};
use crate::cli::refusal::Task;
use crate::id::{AccountId, SerialNumber};

/// Sees that there is an account of this name. A caller who may not list accounts is not told.
///
/// # Errors
/// An account that is missing, or an agent that does not answer.
pub(super) async fn account(console: &Console, name: &AccountId) -> Result<(), Failure> {
    let client = console.client();
    let devices = client.all_devices(Some(name), None).await;
    if !devices.map_err(console.failing(Task::Other))?.is_empty() {
        return Ok(());
    }
    let Ok(accounts) = client.all_accounts(false).await else { return Ok(()) };
    let names: Vec<&str> = accounts.iter().map(|known| known.account.as_str()).collect();
    if names.contains(&name.as_str()) {
        return Ok(());
    }
    let none = format!("there is no such account: {}", plain(name.as_str()));
    let failure = Failure::new(Exit::Refused, none);
    Err(match nearest(name.as_str(), &names).as_slice() {
        [] => failure.hint("See all: twostep account list"),
        near => failure.hint(is_it(near)),
    })
}

/// Names the serial number that is unknown in its refusal, and the nearest ones if the caller may
/// list all devices.
pub(super) async fn with_nearest(
    console: &Console,
    serial: &SerialNumber,
    refused: Failure,
) -> Failure {
    let refused = refused.about(plain(serial.as_str()));
    let Ok(devices) = console.client().all_devices(None, None).await else { return refused };
    let serials: Vec<&str> = devices.iter().map(|device| device.serial.as_str()).collect();
    match nearest(serial.as_str(), &serials).as_slice() {
        [] if refused.hints().is_empty() => refused.hint("See all: twostep device list"),
        [] => refused,
        near => refused.hint(is_it(near)),
    }
}

fn is_it(near: &[&str]) -> String {
    let near: Vec<String> = near.iter().copied().map(plain).collect();
    format!("Is it one of these? {}", near.join(", "))
}

/// At most three names that a slip of the finger away, or the beginning of them, would be.
fn nearest<'a>(name: &str, names: &[&'a str]) -> Vec<&'a str> {
    let name = name.to_lowercase();
    let mut scored: Vec<(usize, &str)> = names
        .iter()
        .map(|known| (distance(&name, &known.to_lowercase()), *known))
        .filter(|(distance, _)| *distance <= SLIPS)
        .collect();
    scored.sort_unstable();
    scored.into_iter().map(|(_, known)| known).take(MOST).collect()
}

/// Slips of the finger between two names; one for a beginning that was typed alone.
fn distance(name: &str, known: &str) -> usize {
    match name.len() >= BEGINNING && known.starts_with(name) {
        true => 1,
        false => strsim::osa_distance(name, known),
    }
}

/// The most slips of a near name.
const SLIPS: usize = 2;

/// The most names that are told.
const MOST: usize = 3;

/// The letters of a beginning that says enough.
const BEGINNING: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_a_slip_away_are_near() {
        let names = ["alice", "alina", "bob", "christine", "Alicia"];
        assert_eq!(nearest("alcie", &names), ["alice", "Alicia"]);
        assert_eq!(nearest("ALICE", &names)[0], "alice");
        assert_eq!(nearest("chris", &names), ["christine"]);
        assert_eq!(nearest("bbo", &names), ["bob"]);
        assert!(nearest("mallory", &names).is_empty());
        assert!(nearest("alicx", &names).len() <= MOST);
    }
}
