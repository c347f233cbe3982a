//! The agent's own types, fed to the parsers of this module, and this module's requests to theirs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use serde::Serialize;
use twostep::device::{DeviceState, MfaKind};
use twostep::wire;

use super::{Devices, Fresh, OpenSession, Place, Proof, Refusal, json, parse};
use crate::place::Terminal;
use crate::verified::{Expected, Opened};

const EXPECTED: Expected<'_> = Expected { account: "alice", audience: Some("twostep") };

fn text(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).unwrap()
}

pub(crate) fn context(kind: MfaKind) -> wire::Context {
    let time = wire::Timestamp::try_from("2026-11-22T09:30:00Z".to_owned()).unwrap();
    wire::Context {
        account: "alice".parse().unwrap(),
        asked_as: None,
        mfa: Some(wire::Mfa {
            time,
            age_seconds: 0,
            serial: "GAHT12345678".parse().unwrap(),
            kind,
            amr: vec!["otp".to_owned()],
            user_verified: false,
            phishing_resistant: false,
            hardware_bound: false,
        }),
        session_id: "s".to_owned(),
        issued_at: time,
        expires_at: time,
        audience: "twostep".to_owned(),
    }
}

#[test]
fn devices_of_each_kind_and_state_are_read() {
    for kind in MfaKind::ALL {
        for state in DeviceState::ALL {
            let device = wire::Device::new("GAHT12345678".parse().unwrap(), kind, state);
            let page = wire::Devices { devices: vec![device], next: None };
            let Devices { devices } = parse(&text(&page)).unwrap();
            let read = devices.first().unwrap();
            assert_eq!((read.serial.as_str(), &read.name), ("GAHT12345678", &None));
            let in_use = matches!(state, DeviceState::Active | DeviceState::Locked);
            assert_eq!(read.is_in_use(), in_use);
            assert_eq!(read.is_key(), kind == MfaKind::SecurityKey);
            assert_eq!(read.shows_codes(), matches!(kind, MfaKind::Totp | MfaKind::Hotp));
            assert_eq!(read.is_recovery(), kind == MfaKind::Recovery);
        }
    }
}

#[test]
fn an_opened_session_of_each_kind_is_proof() {
    for kind in MfaKind::ALL {
        let opened = wire::OpenedSession { token: "t".into(), context: context(kind) };
        let read: Opened = parse(&text(&opened)).unwrap();
        assert!(read.verify(EXPECTED).is_ok(), "{kind:?}");
    }
    let bare = wire::Context { mfa: None, ..context(MfaKind::Totp) };
    let opened = wire::OpenedSession { token: "t".into(), context: bare };
    let read: Opened = parse(&text(&opened)).unwrap();
    assert!(read.verify(EXPECTED).is_err());
}

/// A refused session, with the reason that only some callers are told.
pub(crate) fn refused(reason: Option<wire::Reason>) -> wire::Problem {
    wire::Problem {
        kind: "urn:twostep:problem:AccessDenied".to_owned(),
        title: "access denied".to_owned(),
        status: 403,
        code: wire::ProblemCode::AccessDenied,
        detail: "the session was refused".to_owned(),
        reason,
        retry_after_seconds: None,
        problems: Vec::new(),
    }
}

#[test]
fn an_earlier_proof_is_read() {
    for (fresh, context) in [(true, Some(context(MfaKind::Totp))), (false, None)] {
        let read: Fresh = parse(&text(&wire::FreshAnswer { fresh, context })).unwrap();
        let proof = read.context.filter(|_| read.fresh);
        assert_eq!(proof.is_some_and(|context| context.verify(EXPECTED).is_ok()), fresh);
    }
}

#[test]
fn a_device_out_of_sync_is_known_by_the_reason() {
    let read: Refusal = parse(&text(&refused(Some(wire::Reason::OutOfSync)))).unwrap();
    assert_eq!(read.reason.as_deref(), Some("out_of_sync"));
    assert_eq!(parse::<Refusal>(&text(&refused(None))).unwrap().reason, None);
}

#[test]
fn the_agent_reads_each_request() {
    let (account, serial, client) = ("alice", Some("GAHT12345678"), Some("rhost=192.0.2.1"));
    let (audience, duration_seconds) = (Some("a"), 900);
    let sent = |proof| {
        let request = OpenSession { account, proof, client, serial, audience, duration_seconds };
        serde_json::from_slice::<wire::OpenSession>(&json(&request).unwrap()).unwrap()
    };
    let read = sent(Proof::Codes(["123456", "654321"]));
    assert_eq!((read.code, read.codes), (None, Some(["123456", "654321"].map(Into::into))));
    let read = sent(Proof::Code("123456"));
    assert_eq!((read.code, read.codes), (Some("123456".into()), None));
    assert_eq!(read.client, Some("rhost=192.0.2.1".into()));
    let terminal = Terminal::sample();
    let place = Place { account, uid: 1, service: "sudo", terminal: &terminal, token: None };
    let _: wire::AskFresh = serde_json::from_slice(&json(&place).unwrap()).unwrap();
    let kept = Place { token: Some("t"), ..place };
    let _: wire::KeepFresh = serde_json::from_slice(&json(&kept).unwrap()).unwrap();
}
