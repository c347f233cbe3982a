//! A store at fault: nothing is accepted without a durable row, and what is not known is not tried
//! again.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use test_support::hooked::{Hook, Hooked};
use test_support::keyring::{enrol, forged, keys_of, made, used};
use test_support::test_store::TestStore;
use test_support::world::{Held, World, both};
use twostep::device::RecoveryCode;
use twostep::otp::Window;
use twostep::secret::Secret;
use twostep::session::{Introspector, Issuer, SignedContext, SigningAlgorithm};
use twostep::store::{
    Action, Answer, Change, Commit, Conflict, Error as StoreError, Keyring, Store,
};
use twostep::testing::SimulatedSecurityKey;
use twostep::verifier::{
    Authority, CeremonyId, Error, NewApiKey, NewDevice, NewFactor, Passcode, Verifier,
};
use twostep::webauthn::{AuthenticationResponse, RegistrationResponse};

/// Faults of one call of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// The call has no effect, and the store reports that.
    Away,
    /// A change is not made, and the store does not know.
    Lost,
    /// A change is made, and the store does not know.
    Kept,
    /// Data is read otherwise than it was written.
    Corrupt,
}

/// Lets the `nth` call fail; those before and after it pass.
struct Fails {
    nth: usize,
    how: How,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    calls: usize,
    failed: bool,
    /// Changes that were asked for after the failure.
    changes_after: usize,
}

impl Fails {
    /// Decides if this call is the faulty one.
    fn strikes(&self, is_change: bool) -> bool {
        let mut seen = self.seen.lock().unwrap();
        let strikes =
            seen.calls == self.nth && (is_change || matches!(self.how, How::Away | How::Corrupt));
        seen.calls += 1;
        seen.changes_after += usize::from(is_change && seen.failed);
        seen.failed |= strikes;
        strikes
    }

    fn error(&self) -> StoreError {
        match self.how {
            How::Away => StoreError::Unavailable("planted".to_owned()),
            How::Corrupt => StoreError::Corrupt("planted".to_owned()),
            How::Lost | How::Kept => StoreError::Unknown("planted".to_owned()),
        }
    }
}

impl Hook for Fails {
    fn read(&self, _what: &'static str) -> Result<(), StoreError> {
        if self.strikes(false) { Err(self.error()) } else { Ok(()) }
    }

    fn commit<'a>(&'a self, store: &'a TestStore, change: Change) -> Answer<'a, Commit> {
        Box::pin(async move {
            if !self.strikes(true) {
                return store.commit(change).await;
            }
            if self.how == How::Kept {
                let _ = store.commit(change).await?;
            }
            Err(self.error())
        })
    }
}

/// Operations of a verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Code,
    Session,
    Resync,
    Activate,
    Recovery,
    Bypass,
    WrongCode,
    WrongPair,
    Add,
    AddSheet,
    Rename,
    Deactivate,
    Unlock,
    Remove,
    MakeBypass,
    RevokeAll,
    RevokeOne,
    RemoveAccount,
    Issue,
    IssueWithoutMfa,
    Introspect,
    ReplaceSigningKey,
    ReplaceSealingKey,
    MakeApiKey,
    AcceptClock,
    WriteRefusals,
    AskForKey,
    EnrolKey,
    Key,
    WrongKey,
}

/// Things to operate on.
struct Setting {
    world: World,
    held: Held,
    pending: Held,
    recovery: RecoveryCode,
    bypass: Passcode,
    context: SignedContext,
    next_keys: Keyring,
    enrolment: (CeremonyId, RegistrationResponse),
    /// Two, the second with an answer that is wrong.
    sign_ins: [(CeremonyId, AuthenticationResponse); 2],
}

impl Setting {
    async fn new() -> Setting {
        let keys = [1, 2].map(|byte| Secret::new(vec![byte; 32]));
        let world = World::sealed_with(Keyring::new(&keys[0], &[]).unwrap());
        let next_keys = Keyring::new(&keys[1], &keys[..1]).unwrap();
        let pending = world.added("alice", &Authority::Service).await.unwrap();
        let held = world.active("alice").await;
        let sheet = NewDevice {
            account: held.account.clone(),
            serial: None,
            name: None,
            factor: NewFactor::Recovery,
        };
        let recovery =
            world.verifier.add(sheet, &Authority::Admin).await.unwrap().recovery_codes[0].clone();
        let bypass =
            world.verifier.bypass(&held.account, Duration::from_secs(3_600)).await.unwrap();
        let bypass = bypass.code.to_text().parse().unwrap();
        let (context, _) = Issuer::new(world.verifier.clone(), "twostep")
            .issue_without_mfa(&held.account, "twostep")
            .await
            .unwrap();
        let (keys, mut key) = (keys_of(&world.verifier), SimulatedSecurityKey::new("alice"));
        enrol(&keys, "alice", &mut key, &Authority::Admin).await.unwrap();
        let begun = keys.begin_registration(&held.account, None, &Authority::Admin).await.unwrap();
        let enrolment = (begun.id, made(&mut SimulatedSecurityKey::new("another"), &begun.options));
        let [right, wrong] = [
            keys.begin_authentication(&held.account).await.unwrap(),
            keys.begin_authentication(&held.account).await.unwrap(),
        ];
        let answers = (used(&mut key, &right), forged(&mut key, &wrong));
        let sign_ins = [(right.id, answers.0), (wrong.id, answers.1)];
        Setting { world, held, pending, recovery, bypass, context, next_keys, enrolment, sign_ins }
    }
}

impl Act {
    const ALL: [Act; 30] = [
        Act::Code,
        Act::Session,
        Act::Resync,
        Act::Activate,
        Act::Recovery,
        Act::Bypass,
        Act::WrongCode,
        Act::WrongPair,
        Act::Add,
        Act::AddSheet,
        Act::Rename,
        Act::Deactivate,
        Act::Unlock,
        Act::Remove,
        Act::MakeBypass,
        Act::RevokeAll,
        Act::RevokeOne,
        Act::RemoveAccount,
        Act::Issue,
        Act::IssueWithoutMfa,
        Act::Introspect,
        Act::ReplaceSigningKey,
        Act::ReplaceSealingKey,
        Act::MakeApiKey,
        Act::AcceptClock,
        Act::WriteRefusals,
        Act::AskForKey,
        Act::EnrolKey,
        Act::Key,
        Act::WrongKey,
    ];

    /// The audit action of an operation that can succeed once only.
    fn once(self) -> Option<&'static str> {
        match self {
            Act::Code | Act::Recovery => Some("code.accepted"),
            Act::Session | Act::Resync => Some("device.resynced"),
            Act::Activate => Some("device.activated"),
            Act::Bypass => Some("bypass.accepted"),
            Act::EnrolKey => Some("device.registered"),
            Act::Key => Some("key.accepted"),
            _ => None,
        }
    }

    async fn done(self, verifier: &Verifier, setting: &Setting) -> Result<(), Error> {
        let (account, serial, now) =
            (&setting.held.account, &setting.held.serial, setting.world.now());
        let issuer = Issuer::new(verifier.clone(), "twostep");
        let pair = setting.held.pair_at_step(setting.held.step(now) + 1);
        let wrong = [setting.held.wrong(now), setting.held.code(now)];
        let as_it_should_be = |refused: Result<_, Error>| match refused {
            Err(Error::Refused(_)) => Ok(()),
            other => other,
        };
        match self {
            Act::Code => {
                verifier.verify_code(account, serial, setting.held.code(now)).await.map(drop)
            }
            Act::Session => verifier
                .verify_pair(account, serial, both(&pair), Window::Owner)
                .await
                .map(drop),
            Act::Resync => verifier.resync(serial, both(&pair), Window::Owner).await.map(drop),
            Act::Activate => {
                let pair = setting.pending.pair(now);
                verifier
                    .activate(
                        &setting.pending.serial,
                        both(&pair),
                        Window::Owner,
                        &Authority::Admin,
                    )
                    .await
                    .map(drop)
            }
            Act::Recovery => verifier
                .verify_code(account, None, Passcode::Recovery(setting.recovery.clone()))
                .await
                .map(drop),
            Act::Bypass => {
                verifier.verify_code(account, None, setting.bypass.clone()).await.map(drop)
            }
            // A refusal is heard once it is written, and not before.
            Act::WrongCode => as_it_should_be(
                verifier.verify_code(account, serial, wrong[0].clone()).await.map(drop),
            ),
            Act::WrongPair => as_it_should_be(
                verifier.resync(serial, both(&wrong), Window::Owner).await.map(drop),
            ),
            Act::Add => {
                verifier.add(Held::new("alice").to_add(), &Authority::Admin).await.map(drop)
            }
            Act::AddSheet => {
                let sheet = NewDevice {
                    account: account.clone(),
                    serial: None,
                    name: None,
                    factor: NewFactor::Recovery,
                };
                verifier.add(sheet, &Authority::Admin).await.map(drop)
            }
            Act::Rename => verifier.rename(serial, "blue".parse().unwrap()).await.map(drop),
            Act::Deactivate => verifier.deactivate(serial, &Authority::Admin).await.map(drop),
            Act::Unlock => verifier.unlock(serial).await.map(drop),
            Act::Remove => verifier.remove(serial, &Authority::Admin).await,
            Act::MakeBypass => verifier.bypass(account, Duration::from_secs(60)).await.map(drop),
            Act::RevokeAll => verifier.revoke_sessions(account, None, None).await.map(drop),
            Act::RevokeOne => verifier.revoke_session(account, "session", now).await,
            Act::RemoveAccount => verifier.remove_account(account).await,
            Act::Issue => {
                let verified =
                    verifier.verify_code(account, serial, setting.held.code(now)).await?;
                issuer.issue(verified, "twostep").await.map(drop)
            }
            Act::IssueWithoutMfa => issuer.issue_without_mfa(account, "twostep").await.map(drop),
            Act::Introspect => {
                let introspector = Introspector::new(issuer, verifier.clone());
                assert!(
                    introspector.introspect(&setting.context, "twostep").await?.is_some(),
                    "it is alive"
                );
                Ok(())
            }
            Act::ReplaceSigningKey => issuer.rotate_keys(SigningAlgorithm::Es256).await.map(drop),
            Act::ReplaceSealingKey => {
                verifier.rotate_sealing_keys(setting.next_keys.clone()).await.map(drop)
            }
            Act::MakeApiKey => {
                let new = NewApiKey {
                    operator: None,
                    name: None,
                    role: "admin".to_owned(),
                    accounts: None,
                    explain: false,
                    forward: false,
                    signing_keys: Vec::new(),
                };
                verifier.make_api_key(new).await.map(drop)
            }
            Act::AcceptClock => verifier.accept_clock().await.map(drop),
            Act::WriteRefusals => {
                let nobody = "nobody".parse().unwrap();
                as_it_should_be(
                    verifier.verify_code(&nobody, None, wrong[0].clone()).await.map(drop),
                )?;
                verifier.write_refusals().await
            }
            Act::AskForKey => keys_of(verifier).begin_authentication(account).await.map(drop),
            Act::EnrolKey => {
                let (id, answer) = setting.enrolment.clone();
                keys_of(verifier)
                    .finish_registration(&id, answer, &Authority::Admin)
                    .await
                    .map(drop)
            }
            Act::Key | Act::WrongKey => {
                let (id, answer) = setting.sign_ins[usize::from(self == Act::WrongKey)].clone();
                let verified =
                    keys_of(verifier).finish_authentication(account, &id, answer).await.map(drop);
                if self == Act::WrongKey { as_it_should_be(verified) } else { verified }
            }
        }
    }
}

#[tokio::test]
async fn a_failing_store_call_never_answers_without_a_durable_row() {
    let mut faults = 0;
    for act in Act::ALL {
        for how in [How::Away, How::Lost, How::Kept, How::Corrupt] {
            for nth in 0.. {
                let what = format!("{act:?}, call {nth}, {how:?}");
                let setting = Setting::new().await;
                let fails = Arc::new(Fails { nth, how, seen: Mutex::default() });
                let verifier = setting
                    .world
                    .verifier_on(Hooked { store: setting.world.store(), hook: Arc::clone(&fails) });
                let done = act.done(&verifier, &setting).await;
                let Seen { calls, failed, changes_after } =
                    std::mem::take(&mut *fails.seen.lock().unwrap());
                if failed {
                    faults += 1;
                    assert!(fits(&done, how), "{what}: {done:?}");
                    assert!(
                        changes_after == 0,
                        "{what}: {changes_after} changes were asked for after it"
                    );
                } else {
                    assert!(done.is_ok(), "{what}, without a fault: {done:?}");
                }
                if let Some(action) = act.once() {
                    // With a sound store it is done then, or it was done already.
                    let later = [
                        act.done(&setting.world.verifier, &setting).await,
                        act.done(&setting.world.verifier, &setting).await,
                    ];
                    let succeeded = later.iter().chain([&done]).filter(|done| done.is_ok()).count();
                    assert!(
                        succeeded == 1 || (succeeded == 0 && how == How::Kept),
                        "{what}: {done:?}, {later:?}"
                    );
                    let rows = setting.world.audited(action).await.len();
                    assert_eq!(
                        rows,
                        1 + usize::from(matches!(act, Act::Activate | Act::EnrolKey)),
                        "{what}: one row more than the setting has"
                    );
                }
                if nth >= calls {
                    break;
                }
            }
        }
    }
    println!("{faults} faults");
}

/// The class of an error tells its reader, the one who must act.
fn fits(done: &Result<(), Error>, how: How) -> bool {
    match done {
        Err(Error::Store(StoreError::Unavailable(_))) => how == How::Away,
        Err(Error::Store(StoreError::Unknown(_))) => matches!(how, How::Lost | How::Kept),
        Err(Error::Store(StoreError::Corrupt(_))) => how == How::Corrupt,
        _ => false,
    }
}

/// Never comes back from a change that accepts a code: before it is made, or after.
struct Hangs {
    made: bool,
}

impl Hook for Hangs {
    fn commit<'a>(&'a self, store: &'a TestStore, change: Change) -> Answer<'a, Commit> {
        Box::pin(async move {
            let accepts = change.audit.iter().any(|event| event.action == Action::CodeAccepted);
            if accepts && self.made {
                let _ = store.commit(change).await?;
            } else if !accepts {
                return store.commit(change).await;
            }
            std::future::pending().await
        })
    }
}

#[tokio::test]
async fn a_cancelled_call_frees_the_queue_and_is_not_repeated() {
    for made in [false, true] {
        let world = World::new();
        let held = world.active("alice").await;
        let hanging = world.verifier_on(Hooked { store: world.store(), hook: Hangs { made } });
        let code = held.code(world.now());
        let waiting = hanging.verify_code(&held.account, &held.serial, code.clone());
        assert!(
            tokio::time::timeout(Duration::from_millis(100), waiting).await.is_err(),
            "it hangs"
        );
        // A cancelled call leaves the queue.
        let wrong = hanging.verify_code(&held.account, &held.serial, held.wrong(world.now()));
        let wrong = tokio::time::timeout(Duration::from_secs(10), wrong).await.unwrap();
        assert!(matches!(wrong, Err(Error::Refused(_))), "{wrong:?}");
        let later = world.verifier.verify_code(&held.account, &held.serial, code).await;
        assert_eq!(later.is_ok(), !made, "{later:?}");
        assert_eq!(world.audited("code.accepted").await.len(), 1);
    }
}

/// Overtakes every change: another caller is always faster. Counts them.
#[derive(Default)]
struct Overtaken(AtomicUsize);

impl Hook for Overtaken {
    fn commit<'a>(&'a self, _store: &'a TestStore, _change: Change) -> Answer<'a, Commit> {
        self.0.fetch_add(1, Relaxed);
        Box::pin(async { Ok(Commit::Conflict(Conflict::Revision)) })
    }
}

#[tokio::test]
async fn an_overtaken_decision_is_given_up_after_five_tries() {
    let world = World::new();
    let held = world.active("alice").await;
    let hook = Arc::new(Overtaken::default());
    let verifier = world.verifier_on(Hooked { store: world.store(), hook: Arc::clone(&hook) });
    let minute = Duration::from_secs(60);
    let code = held.code(world.now());
    let judged = verifier.verify_code(&held.account, &held.serial, code.clone()).await;
    assert!(matches!(judged, Err(Error::Contended)), "{judged:?}");
    assert_eq!(hook.0.swap(0, Relaxed), 5);
    let made = verifier.bypass(&held.account, minute).await;
    assert!(matches!(made, Err(Error::Contended)), "{made:?}");
    assert_eq!(hook.0.swap(0, Relaxed), 5);
    // The code is good: no decision was made.
    assert!(world.verifier.verify_code(&held.account, &held.serial, code).await.is_ok());
}
