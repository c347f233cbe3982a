//! T-ADD-NEEDS-MFA: once a device was activated, an account changes its devices with proof, or by
//! an administrator.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use test_support::hooked::{Hook, Hooked};
use test_support::test_store::TestStore;
use test_support::world::{Held, World, both};
use twostep::device::DeviceState;
use twostep::otp::Window;
use twostep::session::{Introspector, Issuer, SessionContext, SignedContext};
use twostep::store::{Answer, Change, Commit, Store, Write};
use twostep::verifier::{Authority, Error, NewDevice, NewFactor, Passcode, Verifier};

/// Alice, with the one device that protects her account and a pending one from before.
struct Alice {
    world: World,
    issuer: Issuer,
    only: Held,
    pending: Held,
}

impl Alice {
    async fn new() -> Alice {
        let world = World::new();
        let pending = world.added("alice", &Authority::Service).await.unwrap();
        let only = world.active("alice").await;
        let issuer = Issuer::new(world.verifier.clone(), "twostep");
        Alice { world, issuer, only, pending }
    }

    /// A context, opened with the code on display.
    async fn context(&self, held: &Held, audience: &str) -> (SignedContext, SessionContext) {
        let verified = self
            .world
            .verifier
            .verify_code(&held.account, &held.serial, held.code(self.world.now()))
            .await
            .unwrap();
        self.world.pass(30);
        self.issuer.issue_and_read(verified, audience).await.unwrap()
    }

    async fn proof(&self, context: &SignedContext) -> Option<Authority> {
        let introspector = Introspector::new(self.issuer.clone(), self.world.verifier.clone());
        introspector.fresh_mfa(context).await.unwrap().map(Authority::Owner)
    }

    async fn own_proof(&self) -> Authority {
        self.proof(&self.context(&self.only, "twostep").await.0).await.unwrap()
    }

    /// Each way to change the devices, by name and with what came of it.
    async fn change_everything(
        &self,
        verifier: &Verifier,
        authority: &Authority,
    ) -> Vec<(&'static str, Result<(), Error>)> {
        let sheet = NewDevice {
            account: self.only.account.clone(),
            serial: None,
            name: None,
            factor: NewFactor::Recovery,
        };
        let now = self.world.now();
        let (of_pending, of_only) =
            (self.pending.pair(now), self.only.pair_at_step(self.only.step(now) + 1));
        let (pending, only) = (&self.pending.serial, &self.only.serial);
        let mut changes = vec![
            ("add", verifier.add(Held::new("alice").to_add(), authority).await.map(drop)),
            (
                "add a counter",
                verifier.add(Held::new("alice").to_add_as_hotp(0), authority).await.map(drop),
            ),
            ("add a sheet", verifier.add(sheet, authority).await.map(drop)),
            (
                "activate",
                verifier
                    .activate(pending, both(&of_pending), Window::Owner, authority)
                    .await
                    .map(drop),
            ),
            ("deactivate", verifier.deactivate(pending, authority).await.map(drop)),
            ("deactivate the only one", verifier.deactivate(only, authority).await.map(drop)),
            ("remove", verifier.remove(pending, authority).await),
            ("remove the only one", verifier.remove(only, authority).await),
        ];
        if self.world.device(&self.only).await.state == DeviceState::Disabled {
            let activated = verifier
                .activate(only, both(&of_only), Window::Owner, authority)
                .await
                .map(drop);
            changes.push(("activate the only one", activated));
        }
        changes
    }

    async fn assert_refused(&self, authority: &Authority, why: &str) {
        let before = format!("{:?}", self.world.account(&self.only.account).await);
        for (what, changed) in self.change_everything(&self.world.verifier, authority).await {
            assert!(matches!(changed, Err(Error::MfaRequired)), "{what}, {why}: {changed:?}");
        }
        assert_eq!(
            format!("{:?}", self.world.account(&self.only.account).await),
            before,
            "{why}: nothing has changed"
        );
    }
}

#[tokio::test]
async fn a_service_changes_nothing_in_any_state_of_the_only_device() {
    let alice = Alice::new().await;
    let (verifier, only) = (&alice.world.verifier, &alice.only);
    alice.assert_refused(&Authority::Service, "the device is active").await;

    for _ in 0..3 {
        verifier
            .verify_code(&only.account, &only.serial, only.wrong(alice.world.now()))
            .await
            .unwrap_err();
    }
    assert!(alice.world.device(only).await.throttle.until() > Some(alice.world.now()));
    alice.assert_refused(&Authority::Service, "the device is throttled").await;

    for _ in 3..20 {
        alice.world.pass(3_600);
        verifier
            .verify_code(&only.account, &only.serial, only.wrong(alice.world.now()))
            .await
            .unwrap_err();
    }
    assert_eq!(alice.world.device(only).await.state, DeviceState::Locked);
    alice.assert_refused(&Authority::Service, "the device is locked").await;

    verifier.deactivate(&only.serial, &Authority::Admin).await.unwrap();
    alice.assert_refused(&Authority::Service, "the device is disabled").await;
}

#[tokio::test]
async fn an_account_whose_devices_were_all_removed_is_still_protected() {
    let alice = Alice::new().await;
    let verifier = &alice.world.verifier;
    verifier.remove(&alice.only.serial, &Authority::Admin).await.unwrap();
    verifier.remove(&alice.pending.serial, &Authority::Admin).await.unwrap();
    let added = verifier.add(Held::new("alice").to_add(), &Authority::Service).await;
    assert!(matches!(added, Err(Error::MfaRequired)), "{added:?}");
    verifier.add(Held::new("alice").to_add(), &Authority::Admin).await.unwrap();
}

#[tokio::test]
async fn the_owner_changes_devices_for_fifteen_minutes() {
    let alice = Alice::new().await;
    let (world, verifier) = (&alice.world, &alice.world.verifier);
    let proof = alice.own_proof().await;
    world.pass(870);
    verifier.add(Held::new("alice").to_add(), &proof).await.unwrap();
    world.pass(1);
    alice.assert_refused(&proof, "901 seconds are over").await;
    let proof = alice.own_proof().await;
    verifier
        .activate(
            &alice.pending.serial,
            both(&alice.pending.pair(world.now())),
            Window::Owner,
            &proof,
        )
        .await
        .unwrap();
    world.pass(30);

    // With the other device the first one is put away, and with neither of them both.
    let context = alice.context(&alice.pending, "twostep").await.0;
    let proof = alice.proof(&context).await.unwrap();
    verifier.deactivate(&alice.only.serial, &proof).await.unwrap();
    verifier.remove(&alice.only.serial, &proof).await.unwrap();
    verifier.remove(&alice.pending.serial, &proof).await.unwrap();
    let added = verifier.add(Held::new("alice").to_add(), &proof).await;
    assert!(matches!(added, Err(Error::MfaRequired)), "it went with its device: {added:?}");
}

#[tokio::test]
async fn a_foreign_or_weaker_context_is_no_proof() {
    let alice = Alice::new().await;
    let (elsewhere, _) = alice.context(&alice.only, "payments").await;
    assert!(alice.proof(&elsewhere).await.is_none(), "it is for another audience");
    let (without, _) =
        alice.issuer.issue_without_mfa(&alice.only.account, "twostep").await.unwrap();
    assert!(alice.proof(&without).await.is_none(), "it is without MFA");
    assert!(alice.proof(&SignedContext::new("x.y.z")).await.is_none());

    let bob = alice.world.active("bob").await;
    let bobs = alice.proof(&alice.context(&bob, "twostep").await.0).await.unwrap();
    alice.assert_refused(&bobs, "it is Bob's").await;

    let bypass = alice
        .world
        .verifier
        .bypass(&alice.only.account, Duration::from_secs(3_600))
        .await
        .unwrap();
    let code: Passcode = bypass.code.to_text().parse().unwrap();
    let verified = alice.world.verifier.verify_code(&alice.only.account, None, code).await.unwrap();
    let context = alice.issuer.issue(verified, "twostep").await.unwrap();
    alice
        .assert_refused(&alice.proof(&context).await.unwrap(), "it was opened without a device")
        .await;
}

#[tokio::test]
async fn a_proof_ends_with_its_device_and_with_its_session() {
    let ends: [&str; 8] = [
        "removed",
        "deactivated",
        "put away and back",
        "locked",
        "sessions revoked",
        "of the device",
        "by its id",
        "account removed",
    ];
    for end in ends {
        let alice = Alice::new().await;
        let (world, verifier, only) = (&alice.world, &alice.world.verifier, &alice.only);
        let (signed, context) = alice.context(only, "twostep").await;
        let proof = alice.proof(&signed).await.unwrap();
        let (account, serial) = (&only.account, &only.serial);
        match end {
            "removed" => verifier.remove(serial, &Authority::Admin).await.unwrap(),
            "deactivated" => drop(verifier.deactivate(serial, &Authority::Admin).await.unwrap()),
            "put away and back" => {
                verifier.deactivate(serial, &Authority::Admin).await.unwrap();
                let pair = only.pair_at_step(only.step(world.now()) + 1);
                verifier
                    .activate(serial, both(&pair), Window::Owner, &Authority::Admin)
                    .await
                    .unwrap();
            }
            "locked" => {
                let mut device = world.account(account).await.device(serial).unwrap().clone();
                device.device.state = DeviceState::Locked;
                let writes =
                    vec![Write::UpdateDevice { seen: device.revision, device: device.device }];
                let _ = verifier
                    .store()
                    .commit(Change { account: None, writes, audit: vec![] })
                    .await
                    .unwrap();
            }
            "sessions revoked" => {
                verifier.revoke_sessions(account, None, None).await.unwrap();
            }
            "of the device" => {
                verifier.revoke_sessions(account, None, Some(serial)).await.unwrap();
            }
            "by its id" => verifier
                .revoke_session(account, &context.common().session_id, context.common().expires_at)
                .await
                .unwrap(),
            _ => {
                verifier.remove_account(account).await.unwrap();
                let other = world.active("alice").await;
                assert!(world.account(&other.account).await.account.protected);
            }
        }
        let added = verifier.add(Held::new("alice").to_add(), &proof).await;
        assert!(matches!(added, Err(Error::MfaRequired)), "{end}: {added:?}");
        if !matches!(end, "removed" | "account removed") {
            alice.assert_refused(&proof, end).await;
        }
    }
}

/// Does something just before a device would be changed.
struct Meanwhile(Mutex<Option<Act>>);

type Act = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Hook for Meanwhile {
    fn commit<'a>(&'a self, store: &'a TestStore, change: Change) -> Answer<'a, Commit> {
        let changes_devices = change.writes.iter().any(|write| {
            matches!(
                write,
                Write::InsertDevice { .. }
                    | Write::UpdateDevice { .. }
                    | Write::RemoveDevice { .. }
            )
        });
        let act = if changes_devices { self.0.lock().unwrap().take() } else { None };
        Box::pin(async move {
            if let Some(act) = act {
                act.await;
            }
            store.commit(change).await
        })
    }
}

#[tokio::test]
async fn a_proof_that_ends_before_the_change_changes_nothing() {
    for way in 0..5 {
        for end in 0..5 {
            let alice = Alice::new().await;
            let verifier = alice.world.verifier.clone();
            let (signed, context) = alice.context(&alice.only, "twostep").await;
            let proof = alice.proof(&signed).await.unwrap();
            let (account, serial) = (alice.only.account.clone(), alice.only.serial.clone());
            let act: Act = Box::pin(async move {
                match end {
                    0 => verifier.remove(&serial, &Authority::Admin).await.unwrap(),
                    1 => drop(verifier.deactivate(&serial, &Authority::Admin).await.unwrap()),
                    2 => {
                        verifier.revoke_sessions(&account, None, None).await.unwrap();
                    }
                    3 => {
                        verifier.revoke_sessions(&account, None, Some(&serial)).await.unwrap();
                    }
                    _ => verifier
                        .revoke_session(
                            &account,
                            &context.common().session_id,
                            context.common().expires_at,
                        )
                        .await
                        .unwrap(),
                }
            });
            let hook = Arc::new(Meanwhile(Mutex::new(Some(act))));
            let overtaken = alice
                .world
                .verifier_on(Hooked { store: alice.world.store(), hook: Arc::clone(&hook) });
            let pending = &alice.pending.serial;
            let changed = match way {
                0 => overtaken.add(Held::new("alice").to_add(), &proof).await.map(drop),
                1 => overtaken
                    .activate(
                        pending,
                        both(&alice.pending.pair(alice.world.now())),
                        Window::Owner,
                        &proof,
                    )
                    .await
                    .map(drop),
                2 => overtaken.deactivate(pending, &proof).await.map(drop),
                3 => overtaken.remove(pending, &proof).await,
                _ => {
                    let sheet = NewDevice {
                        account: alice.only.account.clone(),
                        serial: None,
                        name: None,
                        factor: NewFactor::Recovery,
                    };
                    overtaken.add(sheet, &proof).await.map(drop)
                }
            };
            assert!(hook.0.lock().unwrap().is_none(), "it was overtaken");
            assert!(
                matches!(changed, Err(Error::MfaRequired)),
                "way {way}, end {end}: {changed:?}"
            );
            let seen = alice.world.account(&alice.only.account).await;
            let state = seen.device(pending).unwrap().device.state;
            assert_eq!(
                (state, seen.devices.len()),
                (DeviceState::Pending, if end == 0 { 1 } else { 2 }),
                "way {way}, end {end}"
            );
        }
    }
}

/// The first activation protects: a second one that was judged before it, without proof, comes too
/// late.
#[tokio::test]
async fn of_two_first_activations_without_proof_one_succeeds() {
    let world = World::new();
    let (first, second) = (
        world.added("alice", &Authority::Service).await.unwrap(),
        world.added("alice", &Authority::Service).await.unwrap(),
    );
    let (verifier, pair, serial) =
        (world.verifier.clone(), first.pair(world.now()), first.serial.clone());
    let act: Act = Box::pin(async move {
        verifier
            .activate(&serial, both(&pair), Window::Owner, &Authority::Service)
            .await
            .unwrap();
    });
    let overtaken =
        world.verifier_on(Hooked { store: world.store(), hook: Meanwhile(Mutex::new(Some(act))) });
    let activated = overtaken
        .activate(
            &second.serial,
            both(&second.pair(world.now())),
            Window::Owner,
            &Authority::Service,
        )
        .await;
    assert!(matches!(activated, Err(Error::MfaRequired)), "{activated:?}");
    assert_eq!(world.device(&second).await.state, DeviceState::Pending);
}
