//! Operations as a second face calls them: without HTTP.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{accounts, control, devices, fleet, sessions};
use crate::agent::access::{Caller, Denied, Failure, Scope};
use crate::agent::config::{AccountPattern, Config, Fold, Role};
use crate::agent::log::Lossy;
use crate::agent::operations::devices::{Addition, Detail, Listing};
use crate::agent::operations::sessions::{Opening, Proof};
use crate::agent::start;
use crate::agent::state::State;
use crate::id::CallerId;
use crate::otp::Totp;
use crate::time::SystemClock;
use crate::usb::Usb;
use crate::verifier::NewFactor;

struct World {
    state: State,
    _folder: TempDir,
}

impl World {
    async fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let text = format!(
            "[socket]\npath = \"{path}/agent.sock\"\n\
             [store]\nurl = \"sqlite:{path}/store.db\"\nkey_file = \"{path}/sealing.key\"\n"
        );
        let config = Config::parse(&text, &folder.path().join("twostep.toml")).unwrap();
        let (bus, clock) = (Arc::new(Usb), Arc::new(SystemClock));
        let (state, _) = start::open(bus, clock, config, Lossy::default()).await.unwrap();
        World { state, _folder: folder }
    }

    /// Adds a device of this account and returns its serial number.
    async fn add(&self, account: &str) -> String {
        let factor = NewFactor::Totp { parameters: Totp::default(), seed: None };
        let addition = Addition { account, serial: None, name: None, factor, clock_set: None };
        let added = devices::add(&self.state, &admin(), addition, None).await.unwrap();
        added.device.serial.as_str().to_owned()
    }
}

fn admin() -> Caller {
    Caller { scope: Scope::All, ..limited(Role::Admin) }
}

/// A caller for which only accounts that begin with `svc-` exist.
fn limited(role: Role) -> Caller {
    let patterns = vec![AccountPattern::Prefix("svc-".to_owned())];
    let scope = only(patterns);
    Caller::new(CallerId::new("key:test"), role, scope, only(Vec::new()))
}

fn only(patterns: Vec<AccountPattern>) -> Scope {
    Scope::Only { patterns, login: None, fold: Fold::None }
}

fn denied<T>(result: Result<T, Failure>) -> Denied {
    match result {
        Ok(_) => panic!("it is allowed"),
        Err(Failure::Denied(denied)) => denied,
        Err(failure) => panic!("{failure}"),
    }
}

#[tokio::test]
async fn a_hidden_device_is_denied_like_a_missing_one() {
    let world = World::new().await;
    let (state, caller) = (&world.state, limited(Role::Enroller));
    let serial = world.add("alice").await;
    for serial in [serial.as_str(), "GAHT00000000"] {
        let shown = denied(devices::show(state, &caller, serial).await);
        let removed = denied(devices::remove(state, &caller, serial, None).await);
        assert_eq!((shown, removed), (Denied::NotFound("device"), Denied::NotFound("device")));
    }
    let listing = Listing { account: Some("alice"), ..Listing::default() };
    assert!(devices::list(state, &caller, listing).await.unwrap().devices.is_empty());
    assert!(devices::show(state, &admin(), &serial).await.is_ok());
}

#[tokio::test]
async fn each_operation_demands_its_role() {
    let world = World::new().await;
    let state = &world.state;
    let serial = world.add("svc-a").await;
    let (verifier, enroller) = (limited(Role::Verifier), limited(Role::Enroller));
    let listing = accounts::Listing::default();
    for denied in [
        denied(devices::show(state, &verifier, &serial).await),
        denied(sessions::revoke_all(state, &verifier, "svc-a", None, None).await),
        denied(devices::unlock(state, &enroller, &serial).await),
        denied(accounts::list(state, &enroller, listing).await),
        denied(accounts::bypass(state, &enroller, "svc-a", None).await),
        denied(control::api_keys(state, &enroller).await),
        denied(control::accept_clock(state, &enroller).await),
        denied(fleet::drift(state, &enroller, None).await),
    ] {
        let told = denied.to_string();
        assert!(told.starts_with("your role does not allow this: it takes "), "{told}");
        let [needed, had] = ["takes ", "yours is "]
            .map(|before| told.split(before).nth(1).unwrap().split(',').next().unwrap().to_owned());
        assert_ne!(needed, had, "{told}");
    }
}

#[tokio::test]
async fn a_verifier_names_the_account_and_sees_outlines() {
    let world = World::new().await;
    world.add("svc-a").await;
    let list = |role, account| {
        let listing = Listing { account, ..Listing::default() };
        let state = &world.state;
        async move { devices::list(state, &limited(role), listing).await }
    };
    let outline = list(Role::Verifier, Some("svc-a")).await.unwrap();
    assert_eq!((outline.devices.len(), outline.detail), (1, Detail::Outline));
    assert!(list(Role::Verifier, None).await.is_err());
    let whole = list(Role::Enroller, None).await.unwrap();
    assert_eq!((whole.devices.len(), whole.detail), (1, Detail::Whole));
}

#[tokio::test]
async fn refused_sessions_leave_at_the_interval_and_tell_callers_with_explain() {
    let world = World::new().await;
    world.add("alice").await;
    for (account, explain) in [("alice", false), ("svc-missing", false), ("svc-missing", true)] {
        let explained = if explain { Scope::All } else { only(Vec::new()) };
        let caller = Caller { explain: explained, ..limited(Role::Verifier) };
        let arrived = Instant::now();
        let proof = Proof::Passcode(None, "123456".parse().unwrap());
        let opening = Opening { account: Some(account), audience: None, lifetime: None, proof };
        let denied = denied(sessions::open(&world.state, &caller, opening, arrived).await);
        let Denied::Session(Some(refused)) = denied else { panic!("{account}: {denied}") };
        assert_eq!(refused.explain, explain, "{account}");
        assert!(arrived.elapsed() >= Duration::from_millis(50), "{account}");
    }
}
