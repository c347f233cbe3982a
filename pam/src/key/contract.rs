//! The agent's events, fed to the parser of this module, and this module's requests to the agent's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use twostep::device::MfaKind;
use twostep::wire;
use twostep::wire::{FailureCode, KeyCeremonyEvent};

use super::{Begin, Pin, Said};
use crate::agent::contract::{context, refused};
use crate::agent::{json, parse};

fn said(event: &KeyCeremonyEvent) -> Said {
    parse(&serde_json::to_vec(event).unwrap()).unwrap()
}

#[test]
fn each_event_of_a_ceremony_is_read() {
    let begun = said(&KeyCeremonyEvent::Begun { ceremony_id: "c".to_owned() });
    assert_eq!((begun.event.as_str(), begun.ceremony_id.as_deref()), ("begun", Some("c")));
    assert_eq!(said(&KeyCeremonyEvent::WaitingForKey).event, "waiting_for_key");
    assert_eq!(said(&KeyCeremonyEvent::NeedTouch).event, "need_touch");
    assert_eq!(said(&KeyCeremonyEvent::ChooseByTouch { keys: 2 }).event, "choose_by_touch");
    let pin = said(&KeyCeremonyEvent::NeedPin { retries: Some(3), wrong_before: true });
    assert_eq!(
        (pin.event.as_str(), pin.retries, pin.wrong_before),
        ("need_pin", Some(3), Some(true))
    );
    let context = Box::new(context(MfaKind::SecurityKey));
    let done = said(&KeyCeremonyEvent::Done { token: "t".into(), context });
    assert_eq!((done.event.as_str(), done.token.is_some()), ("done", true));
    assert!(done.context.is_some());
    let problem = Box::new(refused(Some(wire::Reason::SignCount)));
    assert_eq!(said(&KeyCeremonyEvent::Refused { problem }).event, "refused");
}

#[test]
fn each_failure_of_a_key_is_read() {
    for (code, name) in [
        (FailureCode::NoKey, "no_key"),
        (FailureCode::NotEnrolled, "not_enrolled"),
        (FailureCode::NotTouched, "not_touched"),
        (FailureCode::PinBlocked, "pin_blocked"),
        (FailureCode::Busy, "busy"),
        (FailureCode::NotAsked, "not_asked"),
        (FailureCode::Cancelled, "cancelled"),
        (FailureCode::Unavailable, "unavailable"),
    ] {
        let failed = KeyCeremonyEvent::Failed {
            code,
            detail: "d".to_owned(),
            key: Some("a key".to_owned()),
        };
        let failed = said(&failed);
        assert_eq!((failed.event.as_str(), failed.code.as_deref()), ("failed", Some(name)));
        assert_eq!(failed.key.as_deref(), Some("a key"));
    }
}

#[test]
fn the_agent_reads_each_request() {
    let begin = Begin { account: "alice", service: "sudo", audience: Some("a"), wait_seconds: 30 };
    let read: wire::BeginKeyCeremony = serde_json::from_slice(&json(&begin).unwrap()).unwrap();
    assert_eq!(read.wait_seconds, Some(30));
    let read: wire::GivePin = serde_json::from_slice(&json(&Pin { pin: "1234" }).unwrap()).unwrap();
    assert_eq!(read.pin.as_str(), "1234");
}
