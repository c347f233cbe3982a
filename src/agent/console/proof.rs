//! Proofs that people give on a page: a code, two codes in a row, or a security key.

use crate::agent::access::{Denied, Failure};
use crate::agent::console::codes;
use crate::agent::console::form::Form;
use crate::agent::console::frame::Trouble;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::Visitor;
use crate::agent::console::words::Words;
use crate::agent::operations::proofs::Typed;
use crate::agent::operations::sessions::{Opened, Opening, Proof};
use crate::agent::operations::{proofs, sessions};
use crate::otp::Code;
use crate::time::UnixTime;

/// The outcome of a proof.
pub(super) enum Tried {
    Opened(Box<Opened>),
    /// One answer for every reason.
    Refused,
    /// This address failed too often, and waits.
    Wait(UnixTime),
}

/// The purpose of a proof.
#[derive(Clone, Copy)]
pub(super) enum Purpose<'a> {
    /// A session of the console.
    Console,
    /// A context for a service, by its audience.
    Service(&'a str),
}

/// The proof in the fields `code`, or `first` and `second`: of whichever of the account's devices
/// shows them.
pub(super) async fn typed(
    visitor: &Visitor,
    account: &str,
    form: &Form,
) -> Result<Result<Proof, Vec<Trouble>>, Stop> {
    let typed = match read(form, visitor.words()) {
        Ok(typed) => typed,
        Err(problems) => return Ok(Err(problems)),
    };
    let caller = visitor.stranger().await?;
    let account = visitor.state().accounts.named(account).map_err(|_| Stop::BadInput)?;
    Ok(Ok(proofs::of_typed(visitor.state(), &caller, &account, typed).await?))
}

fn read(form: &Form, words: &Words) -> Result<Typed, Vec<Trouble>> {
    if form.find("first").is_some() {
        return pair(form, words).map(Typed::Pair);
    }
    match codes::passcode(form.get("code")) {
        Some(code) => Ok(Typed::Code(code)),
        None => Err(vec![Trouble { field: "code", text: words.codes.not_a_code }]),
    }
}

/// Two codes in the fields `first` and `second`.
pub(super) fn pair(form: &Form, words: &Words) -> Result<[Code; 2], Vec<Trouble>> {
    let words = &words.codes;
    let read =
        |field| codes::code(form.get(field)).ok_or(Trouble { field, text: words.not_a_code });
    match (read("first"), read("second")) {
        (Ok(first), Ok(second)) if first == second => {
            Err(vec![Trouble { field: "second", text: words.same }])
        }
        (Ok(first), Ok(second)) => Ok([first, second]),
        (first, second) => Err(first.err().into_iter().chain(second.err()).collect()),
    }
}

/// The proof of a security key, in the fields `ceremony` and `credential`.
pub(super) fn key(form: &Form) -> Result<Proof, Stop> {
    let id = form.get("ceremony").parse().map_err(|_| Stop::BadInput)?;
    let answer = serde_json::from_str(form.get("credential")).map_err(|_| Stop::BadInput)?;
    Ok(Proof::Key(id, Box::new(answer)))
}

/// Opens a session for an account, as late and as dear as the API does.
pub(super) async fn attempt(
    visitor: &Visitor,
    account: &str,
    proof: Proof,
    purpose: Purpose<'_>,
) -> Result<Tried, Stop> {
    let failures = &visitor.console.failures;
    if let Some(until) = failures.wait(visitor.address, visitor.now()) {
        return Ok(Tried::Wait(until));
    }
    let caller = visitor.stranger().await?;
    let (audience, lifetime) = match purpose {
        Purpose::Console => (None, Some(Visitor::lifetime()?)),
        Purpose::Service(audience) => (Some(audience), None),
    };
    let opening = Opening { account: Some(account), audience, lifetime, proof };
    match sessions::open(visitor.state(), &caller, opening, visitor.arrived).await {
        Ok(opened) => Ok(Tried::Opened(Box::new(opened))),
        Err(Failure::Denied(Denied::Session(_) | Denied::BadInput(_))) => {
            failures.count(visitor.address, visitor.now());
            Ok(Tried::Refused)
        }
        Err(failure) => Err(failure.into()),
    }
}
