//! Security keys: how they are enrolled, and what a proof with one says.

use std::sync::{Arc, Mutex};

use test_support::hooked::{Hook, Hooked};
use test_support::keyring::{account, enrol, enrolled, keys_of, made, terms, verify};
use test_support::test_store::TestStore;
use test_support::world::{Held, World, both, refused};
use twostep::device::{DeviceState, MfaKind, Refusal};
use twostep::otp::Window;
use twostep::session::{Amr, Introspector, Issuer};
use twostep::store::{Answer, Change, Commit, EventReason, Store, Write};
use twostep::testing::{SimulatedAuthority, SimulatedSecurityKey, Statement};
use twostep::verifier::{Authority, Error, NewDevice, NewFactor, SecurityKeys};
use twostep::webauthn::{
    Anchors, AttestationPolicy, Conveyance, Criterion, RelyingParty, RelyingPartyConfig,
};

#[tokio::test]
async fn a_key_is_active_at_once_and_opens_a_session() {
    let world = World::new();
    let (keys, issuer) = (keys_of(&world.verifier), Issuer::new(world.verifier.clone(), "twostep"));
    let mut key = SimulatedSecurityKey::new("alice");
    let begun = keys
        .begin_registration(&account("alice"), Some("blue".parse().unwrap()), &Authority::Service)
        .await
        .unwrap();
    assert_eq!(
        (&begun.options.rp.id, begun.options.exclude_credentials.len()),
        (&"example.org".to_owned(), 0)
    );
    assert!(
        !begun.options.user.id.windows(5).any(|part| part == b"alice"),
        "the user handle names nobody"
    );
    let device = keys
        .finish_registration(&begun.id, made(&mut key, &begun.options), &Authority::Service)
        .await
        .unwrap();
    assert_eq!(
        (device.kind(), device.state, device.activated_at),
        (MfaKind::SecurityKey, DeviceState::Active, Some(world.now()))
    );
    assert_eq!(device.name.as_ref().unwrap().as_str(), "blue");
    assert!(device.serial.as_str().starts_with("key-"), "{}", device.serial);
    assert!(world.account(&account("alice")).await.account.protected);

    world.pass(60);
    let verified = verify(&keys, "alice", &mut key).await.unwrap();
    assert_eq!(
        (verified.kind(), verified.serial(), verified.at()),
        (MfaKind::SecurityKey, &device.serial, world.now())
    );
    let (signed, context) = issuer.issue_and_read(verified, "twostep").await.unwrap();
    let read = issuer.validator("twostep").await.unwrap().validate(&signed).unwrap();
    assert_eq!(read, context);
    assert_eq!((context.kind(), context.amr()), (MfaKind::SecurityKey, &[Amr::Pop, Amr::User][..]));
    assert_eq!(
        (context.phishing_resistant(), context.user_verified(), context.hardware_bound()),
        (true, false, false)
    );

    key.flags |= 0x04;
    let verified = verify(&keys, "alice", &mut key).await.unwrap();
    let (_, context) = issuer.issue_and_read(verified, "twostep").await.unwrap();
    assert_eq!(
        (context.amr(), context.user_verified()),
        (&[Amr::Pop, Amr::User, Amr::Mfa][..], true)
    );

    let seen = world.account(&account("alice")).await;
    let is = &seen.device(&device.serial).unwrap().device;
    assert_eq!((is.credential().unwrap().sign_count, is.last_used_at), (3, Some(world.now())));
    assert_eq!(
        (world.audited("device.registered").await.len(), world.audited("key.accepted").await.len()),
        (1, 2)
    );
}

/// `hwk` is for what a trusted maker vouches for, as long as it cannot be copied.
#[tokio::test]
async fn a_key_of_a_trusted_maker_is_bound_to_its_hardware() {
    let world = World::new();
    let issuer = Issuer::new(world.verifier.clone(), "twostep");
    let maker = SimulatedAuthority::new("The Maker");
    let attestation = AttestationPolicy {
        conveyance: Conveyance::Direct,
        anchors: Anchors::parse(&maker.certificate()).unwrap(),
        ..AttestationPolicy::default()
    };
    let keys = SecurityKeys::new(
        world.verifier.clone(),
        RelyingParty::new(RelyingPartyConfig { attestation, ..terms() }).unwrap(),
    );
    let other = SimulatedAuthority::new("Somebody else");
    for (name, statement, copied, bound) in [
        ("trusted", Statement::Packed(maker.clone()), false, true),
        ("copied", Statement::Packed(maker.clone()), true, false),
        ("unknown", Statement::Packed(other), false, false),
        ("own", Statement::Own, false, false),
    ] {
        let mut key = SimulatedSecurityKey::new(name).vouched(statement);
        key.flags |= if copied { 0x08 } else { 0 };
        enrol(&keys, name, &mut key, &Authority::Admin).await.unwrap();
        let (_, context) = issuer
            .issue_and_read(verify(&keys, name, &mut key).await.unwrap(), "twostep")
            .await
            .unwrap();
        assert_eq!(
            (context.hardware_bound(), context.phishing_resistant()),
            (bound, true),
            "{name}"
        );
        assert_eq!(context.amr(), [if bound { Amr::Hwk } else { Amr::Pop }, Amr::User], "{name}");
    }
}

#[tokio::test]
async fn an_unproven_answer_enrols_no_key() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let mut key = SimulatedSecurityKey::new("alice");
    let begun = keys
        .begin_registration(&account("alice"), None, &Authority::Admin)
        .await
        .unwrap();
    let untouched = {
        let mut creation = key.create(&begun.options, &test_support::keyring::origin());
        creation.flags &= !0x01;
        creation.response()
    };
    let refused = keys.finish_registration(&begun.id, untouched, &Authority::Admin).await;
    assert!(matches!(&refused, Err(Error::KeyRefused(why)) if why.contains("15")), "{refused:?}");
    // Right or wrong, the first answer ends it.
    let late = keys
        .finish_registration(&begun.id, made(&mut key, &begun.options), &Authority::Admin)
        .await;
    assert!(matches!(late, Err(Error::NotFound(_))), "{late:?}");
    assert!(world.verifier.store().account(&account("alice")).await.unwrap().is_none());
    let audited = world.audited("registration.refused").await;
    assert_eq!(
        audited
            .iter()
            .map(|event| event.reason.as_ref().map(EventReason::name))
            .collect::<Vec<_>>(),
        [Some("user_presence")]
    );
}

/// T-CREDID-GLOBAL-UNIQUE.
#[tokio::test]
async fn a_credential_is_one_device_of_one_account() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let mut key = SimulatedSecurityKey::new("alice");
    let mut copy = key.clone();
    let device = enrol(&keys, "alice", &mut key, &Authority::Admin).await.unwrap();
    // The account's own keys are excluded; another account's key says nothing of the account it is
    // in.
    let begun = keys
        .begin_registration(&account("alice"), None, &Authority::Admin)
        .await
        .unwrap();
    assert_eq!(begun.options.exclude_credentials.len(), 1);
    let begun = keys.begin_registration(&account("bob"), None, &Authority::Admin).await.unwrap();
    assert_eq!(begun.options.exclude_credentials.len(), 0);
    let answer = made(&mut copy, &begun.options);
    let taken = keys.finish_registration(&begun.id, answer.clone(), &Authority::Admin).await;
    assert!(matches!(taken, Err(Error::AlreadyExists(_))), "{taken:?}");
    let late = keys.finish_registration(&begun.id, answer, &Authority::Admin).await;
    assert!(matches!(late, Err(Error::NotFound(_))), "{late:?}");
    assert!(world.verifier.store().account(&account("bob")).await.unwrap().is_none());
    // Alice's device is hers, as it was.
    assert_eq!(
        world.account(&account("alice")).await.device(&device.serial).unwrap().device,
        device
    );

    // Removed, it may be enrolled again, and goes on counting where it was.
    key.sign_count = 40;
    let _verified = verify(&keys, "alice", &mut key).await.unwrap();
    world.verifier.remove(&device.serial, &Authority::Admin).await.unwrap();
    let mut copy = SimulatedSecurityKey::new("alice");
    enrol(&keys, "bob", &mut copy, &Authority::Admin).await.unwrap();
    assert_eq!(refused(verify(&keys, "bob", &mut copy).await), Refusal::SignCount);
    let _verified = verify(&keys, "bob", &mut key).await.unwrap();
}

#[tokio::test]
async fn of_two_registrations_of_one_credential_one_is_made() {
    for _ in 0..10 {
        let world = World::new();
        let other = world.verifier_on(world.store());
        let all = [keys_of(&world.verifier), keys_of(&other)];
        let begun = [
            all[0]
                .begin_registration(&account("alice"), None, &Authority::Admin)
                .await
                .unwrap(),
            all[1]
                .begin_registration(&account("bob"), None, &Authority::Admin)
                .await
                .unwrap(),
        ];
        let answers = [0, 1]
            .map(|which: usize| made(&mut SimulatedSecurityKey::new("one"), &begun[which].options));
        let [first, second] = answers;
        let (first, second) = tokio::join!(
            all[0].finish_registration(&begun[0].id, first, &Authority::Admin),
            all[1].finish_registration(&begun[1].id, second, &Authority::Admin),
        );
        assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
        let lost = [first, second].into_iter().find_map(Result::err).unwrap();
        assert!(matches!(lost, Error::AlreadyExists(_)), "{lost:?}");
    }
}

/// T-ADD-NEEDS-MFA.
#[tokio::test]
async fn a_protected_account_enrols_a_key_with_proof_twice() {
    let world = World::new();
    let (keys, issuer) = (keys_of(&world.verifier), Issuer::new(world.verifier.clone(), "twostep"));
    let introspector = Introspector::new(issuer.clone(), world.verifier.clone());
    let (mut key, device) = enrolled(&keys, "alice").await;
    let mut second = SimulatedSecurityKey::new("second");
    let without = enrol(&keys, "alice", &mut second, &Authority::Service).await;
    assert!(matches!(without, Err(Error::MfaRequired)), "{without:?}");

    let signed = issuer
        .issue(verify(&keys, "alice", &mut key).await.unwrap(), "twostep")
        .await
        .unwrap();
    let proof = Authority::Owner(introspector.fresh_mfa(&signed).await.unwrap().unwrap());
    let begun = keys.begin_registration(&account("alice"), None, &proof).await.unwrap();
    let unproved = keys
        .finish_registration(&begun.id, made(&mut second, &begun.options), &Authority::Service)
        .await;
    assert!(matches!(unproved, Err(Error::MfaRequired)), "{unproved:?}");
    let spent = keys
        .finish_registration(&begun.id, made(&mut second, &begun.options), &proof)
        .await;
    assert!(matches!(spent, Err(Error::NotFound(_))), "{spent:?}");
    let added = enrol(&keys, "alice", &mut second, &proof).await.unwrap();
    // A key proves as much as a token does: with it the other one goes.
    world.verifier.remove(&added.serial, &proof).await.unwrap();
    world.verifier.deactivate(&device.serial, &proof).await.unwrap();
    let ended = enrol(&keys, "alice", &mut second, &proof).await;
    assert!(matches!(ended, Err(Error::MfaRequired)), "{ended:?}");
}

/// Does something before the change that would add a device.
struct Before(Mutex<Option<twostep::verifier::Verifier>>);

impl Hook for Before {
    fn commit<'a>(&'a self, store: &'a TestStore, change: Change) -> Answer<'a, Commit> {
        let adds = change.writes.iter().any(|write| matches!(write, Write::InsertDevice { .. }));
        let verifier = if adds { self.0.lock().unwrap().take() } else { None };
        Box::pin(async move {
            if let Some(verifier) = verifier {
                verifier.revoke_sessions(&account("alice"), None, None).await.unwrap();
            }
            store.commit(change).await
        })
    }
}

#[tokio::test]
async fn a_revoked_proof_adds_no_key() {
    let world = World::new();
    let (keys, issuer) = (keys_of(&world.verifier), Issuer::new(world.verifier.clone(), "twostep"));
    let introspector = Introspector::new(issuer.clone(), world.verifier.clone());
    let (mut key, _) = enrolled(&keys, "alice").await;
    let signed = issuer
        .issue(verify(&keys, "alice", &mut key).await.unwrap(), "twostep")
        .await
        .unwrap();
    let proof = Authority::Owner(introspector.fresh_mfa(&signed).await.unwrap().unwrap());
    let hook = Arc::new(Before(Mutex::new(Some(world.verifier.clone()))));
    let overtaken =
        keys_of(&world.verifier_on(Hooked { store: world.store(), hook: Arc::clone(&hook) }));
    let added = enrol(&overtaken, "alice", &mut SimulatedSecurityKey::new("second"), &proof).await;
    assert!(matches!(added, Err(Error::MfaRequired)), "{added:?}");
    assert!(hook.0.lock().unwrap().is_none(), "it was overtaken");
    assert_eq!(world.account(&account("alice")).await.devices.len(), 1);
}

#[tokio::test]
async fn a_key_counts_as_a_device() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    enrolled(&keys, "alice").await;
    // The token is another device, with which recovery codes are given out.
    let sheet = NewDevice {
        account: account("alice"),
        serial: None,
        name: None,
        factor: NewFactor::Recovery,
    };
    world.verifier.add(sheet, &Authority::Admin).await.unwrap();
    for _ in 0..5 {
        world.active("alice").await;
    }
    let begun = keys
        .begin_registration(&account("alice"), None, &Authority::Admin)
        .await
        .unwrap();
    world.active("alice").await;
    let finished = keys
        .finish_registration(
            &begun.id,
            made(&mut SimulatedSecurityKey::new("ninth"), &begun.options),
            &Authority::Admin,
        )
        .await;
    assert!(matches!(finished, Err(Error::TooManyDevices(8))), "{finished:?}");
    let begun = keys.begin_registration(&account("alice"), None, &Authority::Admin).await;
    assert!(matches!(begun, Err(Error::TooManyDevices(8))), "{begun:?}");
}

#[tokio::test]
async fn a_key_takes_no_codes_and_returns_by_enrolment() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let (mut key, device) = enrolled(&keys, "alice").await;
    let token = Held::new("bob");
    let pair = token.pair(world.now());
    let code = world
        .verifier
        .verify_code(&account("alice"), &device.serial, token.code(world.now()))
        .await;
    assert_eq!(refused(code), Refusal::UnknownDevice);
    assert_eq!(
        refused(
            world
                .verifier
                .verify_pair(&account("alice"), &device.serial, both(&pair), Window::Owner)
                .await
        ),
        Refusal::NotActive
    );
    assert_eq!(
        refused(world.verifier.resync(&device.serial, both(&pair), Window::Owner).await),
        Refusal::NotActive
    );

    let begun = keys.begin_authentication(&account("alice")).await.unwrap();
    world.verifier.deactivate(&device.serial, &Authority::Admin).await.unwrap();
    let answer = test_support::keyring::used(&mut key, &begun);
    assert_eq!(
        refused(keys.finish_authentication(&account("alice"), &begun.id, answer).await),
        Refusal::NotActive
    );
    // The ceremony is abandoned.
    let begun = keys.begin_authentication(&account("alice")).await.unwrap();
    assert!(key.get(&begun.options, &test_support::keyring::origin()).is_none());
    let activated = world
        .verifier
        .activate(&device.serial, both(&pair), Window::Owner, &Authority::Admin)
        .await;
    assert!(
        matches!(&activated, Err(Error::BadInput(what)) if what.contains("enrol it again")),
        "{activated:?}"
    );
    world.verifier.remove(&device.serial, &Authority::Admin).await.unwrap();
    enrol(&keys, "alice", &mut key, &Authority::Admin).await.unwrap();
    let _verified = verify(&keys, "alice", &mut key).await.unwrap();
}

/// Keys of another relying party on the same store are not its own.
#[tokio::test]
async fn a_key_of_another_rp_id_is_refused() {
    let world = World::new();
    let keys = keys_of(&world.verifier);
    let (mut key, _) = enrolled(&keys, "alice").await;
    let config = RelyingPartyConfig {
        rp_id: "example.net".to_owned(),
        name: "Other".to_owned(),
        origins: vec!["https://login.example.net".to_owned()],
        ..Default::default()
    };
    let other = SecurityKeys::new(world.verifier.clone(), RelyingParty::new(config).unwrap());
    let begun = other.begin_authentication(&account("alice")).await.unwrap();
    assert!(
        key.get(&begun.options, &"https://login.example.net".parse().unwrap()).is_none(),
        "the key knows it under no other RP ID"
    );
    let begun = keys.begin_authentication(&account("alice")).await.unwrap();
    let answer = test_support::keyring::used(&mut key, &begun);
    assert_eq!(
        refused(other.finish_authentication(&account("alice"), &begun.id, answer).await),
        Refusal::Unproved(Criterion::Origin)
    );
}
