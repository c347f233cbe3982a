//! Revocation: what was issued before it is dead when it answers, in every process, and what is
//! issued after it lives.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use test_support::hooked::{Hook, Hooked};
use test_support::process::{Line, Process};
use test_support::test_store::TestStore;
use test_support::world::{Held, NOW, World, both};
use twostep::device::DeviceState;
use twostep::id::{AccountId, SerialNumber};
use twostep::otp::{Code, Counter, Hotp, LOOK_AHEAD, Seed, Window};
use twostep::secret::Secret;
use twostep::session::{Introspector, Issuer, Lifetime, SessionContext, SignedContext};
use twostep::store::{Action, Answer, Change, Commit, Keyring, SqliteStore, Store};
use twostep::testing::{FixedClock, SimulatedToken};
use twostep::time::UnixTime;
use twostep::verifier::{Authority, Error, Limits, Verified, Verifier};

use super::{Desk, alive};

/// A counter-based token: any number of codes in one second.
pub(crate) struct Presser {
    pub(crate) account: AccountId,
    pub(crate) serial: SerialNumber,
    seed: Seed,
    /// The counter of the next code.
    next: u64,
}

impl Presser {
    pub(crate) async fn new(verifier: &Verifier, account: &str) -> Presser {
        let held = Held::new(account);
        verifier.add(held.to_add_as_hotp(0), &Authority::Admin).await.unwrap();
        let mut presser =
            Presser { account: held.account, serial: held.serial, seed: held.seed, next: 0 };
        presser.activate(verifier).await;
        presser
    }

    /// The next code that no later one repeats so soon that the verifier would take it for that.
    pub(crate) fn press(&mut self) -> Code {
        loop {
            let mut token = SimulatedToken::hotp(&self.seed, Hotp::default(), Counter(self.next));
            self.next += 1;
            let code = token.press();
            if (0..LOOK_AHEAD).all(|_| token.press() != code) {
                return code;
            }
        }
    }

    /// The next two codes of the button.
    fn pair(&mut self) -> [Code; 2] {
        let mut token = SimulatedToken::hotp(&self.seed, Hotp::default(), Counter(self.next));
        self.next += 2;
        [token.press(), token.press()]
    }

    pub(crate) async fn activate(&mut self, verifier: &Verifier) {
        self.try_to_activate(verifier).await.unwrap();
    }

    pub(crate) async fn try_to_activate(&mut self, verifier: &Verifier) -> Result<(), Error> {
        let pair = self.pair();
        verifier
            .activate(&self.serial, both(&pair), Window::Owner, &Authority::Admin)
            .await
            .map(drop)
    }

    pub(crate) async fn verify(&mut self, verifier: &Verifier) -> Result<Verified, Error> {
        let code = self.press();
        verifier.verify_code(&self.account, &self.serial, code).await
    }

    pub(crate) async fn open(&mut self, node: &Node) -> (SignedContext, SessionContext) {
        let verified = self.verify(&node.verifier).await.unwrap();
        node.issuer.issue_and_read(verified, "twostep").await.unwrap()
    }
}

/// A process of a service, as far as one can be had inside of this one: handle, verifier and issuer
/// of its own.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) verifier: Verifier,
    pub(crate) issuer: Issuer,
    pub(crate) introspector: Introspector,
}

impl Node {
    fn new(store: impl Store + 'static, keyring: &Keyring, clock: &FixedClock) -> Node {
        let verifier = Verifier::with(
            Arc::new(store),
            keyring.clone(),
            Arc::new(clock.clone()),
            Limits::default(),
        );
        let issuer = Issuer::new(verifier.clone(), "twostep");
        let introspector = Introspector::new(issuer.clone(), verifier.clone());
        Node { verifier, issuer, introspector }
    }
}

/// `TWOSTEP_REVOCATION_ROUNDS` says how many rounds there are (2,000).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocation_separates_contexts_within_one_second() {
    let rounds = std::env::var("TWOSTEP_REVOCATION_ROUNDS")
        .ok()
        .map_or(2_000, |rounds| rounds.parse().unwrap());
    let (world, ahead) = (World::new(), FixedClock::at(NOW));
    let order = Arc::new(Order::default());
    let node = |clock| {
        let store = Hooked { store: world.store(), hook: order.clone() };
        Node::new(store, &world.keyring, clock)
    };
    let (fast, right) = (node(&ahead), node(&world.clock));
    let mut alice = Presser::new(&right.verifier, "alice").await;
    let (mut before, mut overtaken) = (0, 0);
    for round in 0..rounds {
        // The issuer's clock is up to five seconds ahead of the other one's, and of those who read
        // its contexts.
        world.pass(10);
        ahead.set_wall(world.now().plus(Duration::from_secs(round % 6)));
        // A revocation of one device is dated above its last use: that must stay within the leeway
        // of all validators.
        let serial = (round % 7 == 0 && round % 6 < 5).then(|| alice.serial.clone());
        let what = format!("round {round}");
        order.decided().await;
        let (first, context) = alice.open(&fast).await;
        assert!(
            alive(&fast.introspector, &first).await && alive(&right.introspector, &first).await,
            "{what}"
        );
        if round % 2 == 0 {
            right
                .verifier
                .revoke_sessions(&alice.account, None, serial.as_ref())
                .await
                .unwrap();
        } else {
            // At the same moment: the order of the commits tells which was decided first.
            let (node, account, code) = (fast.clone(), alice.account.clone(), alice.press());
            let (of_token, of_revocation) = (alice.serial.clone(), serial.clone());
            let plain = serial.is_none() && round % 4 == 3;
            let issuing = tokio::spawn(async move {
                if plain {
                    return node.issuer.issue_without_mfa(&account, "twostep").await.unwrap().0;
                }
                let verified = node.verifier.verify_code(&account, &of_token, code).await.unwrap();
                node.issuer.issue(verified, "twostep").await.unwrap()
            });
            let (node, account) = (right.clone(), alice.account.clone());
            let revoking = tokio::spawn(async move {
                node.verifier.revoke_sessions(&account, None, of_revocation.as_ref()).await
            });
            let (signed, _) = (issuing.await.unwrap(), revoking.await.unwrap().unwrap());
            let lives = [
                alive(&fast.introspector, &signed).await,
                alive(&right.introspector, &signed).await,
            ];
            let decided = order.decided().await;
            let revocation = Action::SessionsRevoked;
            let revoked_first =
                decided.iter().rev().position(|action| *action == revocation) == Some(1);
            assert_eq!(
                lives, [revoked_first; 2],
                "{what}: alive if it was decided after the revocation, and only then"
            );
            before += usize::from(!revoked_first);
            overtaken += usize::from(revoked_first);
        }
        assert!(
            !alive(&fast.introspector, &first).await && !alive(&right.introspector, &first).await,
            "{what}: {context:?}"
        );
        let (after, context) = alice.open(&fast).await;
        assert!(
            alive(&fast.introspector, &after).await && alive(&right.introspector, &after).await,
            "{what}: {context:?}"
        );
    }
    println!(
        "{rounds} rounds; of those at the same moment {before} were issued before and {overtaken} \
         after the revocation"
    );
    assert!(
        rounds < 1_000 || (before > 0 && overtaken > 0),
        "both orders happened: {before}, {overtaken}"
    );
}

/// The order in which the decisions of all nodes are committed: each waits for the one before, as
/// it does within the store, whose audit chains tell the order of one node alone.
#[derive(Default)]
struct Order(tokio::sync::Mutex<Vec<Action>>);

impl Order {
    /// The decisions since the last call.
    async fn decided(&self) -> Vec<Action> {
        std::mem::take(&mut *self.0.lock().await)
    }
}

impl Hook for Order {
    fn commit<'a>(&'a self, store: &'a TestStore, change: Change) -> Answer<'a, Commit> {
        Box::pin(async move {
            let mut order = self.0.lock().await;
            let actions: Vec<_> = change.audit.iter().map(|event| event.action.clone()).collect();
            let commit = store.commit(change).await?;
            if matches!(commit, Commit::Committed(_)) {
                order.extend(actions);
            }
            Ok(commit)
        })
    }
}

#[tokio::test]
async fn contexts_end_by_account_by_device_by_time_and_by_id() {
    let desk = Desk::new().await;
    let (world, verifier, introspector) = (&desk.world, &desk.world.verifier, desk.introspector());
    let account = &desk.alice.account;
    let mut other = Presser::new(verifier, "alice").await;
    let node = Node {
        verifier: verifier.clone(),
        issuer: desk.issuer.clone(),
        introspector: introspector.clone(),
    };

    // By device: the other one's contexts live on.
    let (of_one, of_other) = (desk.open("twostep").await.0, other.open(&node).await.0);
    let without = desk.issuer.issue_without_mfa(account, "twostep").await.unwrap().0;
    let revoked = verifier.revoke_sessions(account, None, Some(&desk.alice.serial)).await.unwrap();
    assert_eq!((revoked.revoked_before, revoked.generation), (world.now(), 1));
    assert!(
        !alive(&introspector, &of_one).await
            && alive(&introspector, &of_other).await
            && alive(&introspector, &without).await
    );

    // By time: up to that second, and never back.
    let early = other.open(&node).await;
    world.pass(1);
    let late = other.open(&node).await;
    let revoked = verifier
        .revoke_sessions(account, Some(early.1.common().issued_at), None)
        .await
        .unwrap();
    assert_eq!((revoked.revoked_before, revoked.generation), (early.1.common().issued_at, 1));
    assert!(!alive(&introspector, &early.0).await && alive(&introspector, &late.0).await);
    assert!(
        !alive(&introspector, &without).await && !alive(&introspector, &of_other).await,
        "whatever is of the account"
    );
    let back = verifier.revoke_sessions(account, Some(UnixTime(1)), None).await.unwrap();
    assert_eq!(back.revoked_before, revoked.revoked_before, "it only moves forward");
    let future = verifier.revoke_sessions(account, Some(UnixTime(world.now().0 + 1)), None).await;
    assert!(matches!(future, Err(Error::BadInput(_))), "{future:?}");
    verifier.revoke_sessions(account, Some(world.now()), None).await.unwrap();
    assert!(!alive(&introspector, &late.0).await);
    let same_second = other.open(&node).await;
    assert!(
        alive(&introspector, &same_second.0).await,
        "the issuer never issues at or below the mark"
    );
    assert_eq!(same_second.1.common().issued_at, world.now().plus(Duration::from_secs(1)));

    // By id: that one.
    let twin = other.open(&node).await;
    verifier
        .revoke_session(account, &twin.1.common().session_id, twin.1.common().expires_at)
        .await
        .unwrap();
    assert!(!alive(&introspector, &twin.0).await && alive(&introspector, &same_second.0).await);
    verifier.expire(Duration::from_secs(86_400)).await.unwrap();
    assert!(!alive(&introspector, &twin.0).await, "as long as it would have lived");

    // By account: all of it, whether it was ever enrolled or not.
    let revoked = verifier.revoke_sessions(account, None, None).await.unwrap();
    assert_eq!((revoked.revoked_before, revoked.generation), (world.now(), 2));
    assert!(!alive(&introspector, &same_second.0).await);
    let nobody = "nobody".parse().unwrap();
    let without = desk.issuer.issue_without_mfa(&nobody, "twostep").await.unwrap().0;
    verifier.revoke_sessions(&nobody, None, None).await.unwrap();
    assert!(!alive(&introspector, &without).await);
    let without = desk.issuer.issue_without_mfa(&nobody, "twostep").await.unwrap().0;
    assert!(alive(&introspector, &without).await);
    let foreign = verifier
        .revoke_sessions(account, None, Some(&"NOWHERE00000".parse().unwrap()))
        .await;
    assert!(matches!(foreign, Err(Error::NotFound(_))), "{foreign:?}");
}

#[tokio::test]
async fn a_proof_from_before_a_revocation_makes_a_dead_context() {
    for end in ["account", "device", "time", "deactivated", "removed", "account removed"] {
        let desk = Desk::new().await;
        let (world, verifier, alice) = (&desk.world, &desk.world.verifier, &desk.alice);
        let (account, serial) = (&alice.account, &alice.serial);
        // A mark from before, so that the context would be dated above it.
        verifier.revoke_sessions(account, None, Some(serial)).await.unwrap();
        let verified =
            verifier.verify_code(account, serial, alice.code(world.now())).await.unwrap();
        match end {
            "account" => drop(verifier.revoke_sessions(account, None, None).await.unwrap()),
            "device" => drop(verifier.revoke_sessions(account, None, Some(serial)).await.unwrap()),
            "time" => {
                world.pass(1);
                verifier.revoke_sessions(account, Some(world.now()), None).await.unwrap();
            }
            "deactivated" => drop(verifier.deactivate(serial, &Authority::Admin).await.unwrap()),
            "removed" => verifier.remove(serial, &Authority::Admin).await.unwrap(),
            _ => verifier.remove_account(account).await.unwrap(),
        }
        let signed = desk.issuer.issue(verified, "twostep").await.unwrap();
        assert!(!alive(&desk.introspector(), &signed).await, "{end}");
    }
}

#[tokio::test]
async fn a_guesser_does_not_end_the_sessions_of_the_owner() {
    let desk = Desk::new().await;
    let longest = Lifetime::try_from(Duration::from_secs(129_600)).unwrap();
    let desk = Desk { issuer: desk.issuer.clone().lifetime(longest), ..desk };
    let (signed, _) = desk.open("twostep").await;
    for _ in 0..20 {
        let guess = desk.alice.wrong(desk.world.now());
        desk.world
            .verifier
            .verify_code(&desk.alice.account, &desk.alice.serial, guess)
            .await
            .unwrap_err();
        desk.world.pass(3_600);
    }
    assert_eq!(desk.world.device(&desk.alice).await.state, DeviceState::Locked);
    assert!(alive(&desk.introspector(), &signed).await);
}

#[tokio::test]
async fn a_context_ends_with_its_device_for_good() {
    let desk = Desk::new().await;
    let (verifier, introspector, alice) = (&desk.world.verifier, desk.introspector(), &desk.alice);
    let activate = async || {
        desk.world.pass(60);
        let pair = alice.pair(desk.world.now());
        verifier
            .activate(&alice.serial, both(&pair), Window::Owner, &Authority::Admin)
            .await
            .unwrap();
        desk.world.pass(30);
    };
    let (put_away, _) = desk.open("twostep").await;
    verifier.deactivate(&alice.serial, &Authority::Admin).await.unwrap();
    assert!(!alive(&introspector, &put_away).await);
    activate().await;
    assert!(!alive(&introspector, &put_away).await);

    let (removed, _) = desk.open("twostep").await;
    assert!(alive(&introspector, &removed).await);
    verifier.remove(&alice.serial, &Authority::Admin).await.unwrap();
    assert!(!alive(&introspector, &removed).await);
    verifier.add(alice.to_add(), &Authority::Admin).await.unwrap();
    activate().await;
    assert!(!alive(&introspector, &removed).await, "nor with one of its serial number and secret");

    let (last, _) = desk.open("twostep").await;
    assert!(alive(&introspector, &last).await);
    verifier.remove_account(&alice.account).await.unwrap();
    assert!(!alive(&introspector, &last).await);
}

/// Settings of the other process, sent first.
#[derive(Serialize, Deserialize)]
struct Start {
    store: PathBuf,
}

/// Tells of every context that it hears of whether it is alive.
pub(crate) fn other_process() {
    let Some(mut line) = Line::to_the_starter() else { return };
    let Some(start) = line.hear::<Start>() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let node =
        Node::new(SqliteStore::open(start.store).unwrap(), &sealing_key(), &FixedClock::at(NOW));
    while let Some(signed) = line.hear::<String>() {
        line.tell(&runtime.block_on(alive(&node.introspector, &SignedContext::new(signed))));
    }
}

fn sealing_key() -> Keyring {
    Keyring::new(&Secret::new(vec![7; 32]), &[]).unwrap()
}

#[test]
fn a_revocation_in_one_process_holds_at_once_in_another() {
    let world = World::in_file_with(sealing_key());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut other = Process::start("session::another_process");
    other.tell(&Start { store: world.path() });
    let node = Node::new(world.store(), &sealing_key(), &world.clock);
    let mut refused = 0;
    for round in 0..1_000 {
        let signed = runtime.block_on(async {
            let mut alice = Presser::new(&node.verifier, &format!("alice {round}")).await;
            let (signed, context) = alice.open(&node).await;
            (signed, context, alice)
        });
        let (signed, context, alice) = signed;
        other.tell(&signed.as_str());
        assert_eq!(other.hear(), Some(true), "round {round}: it lives");
        runtime.block_on(async {
            let (verifier, account) = (&node.verifier, &alice.account);
            match round % 6 {
                0 => drop(verifier.revoke_sessions(account, None, None).await.unwrap()),
                1 => drop(
                    verifier.revoke_sessions(account, None, Some(&alice.serial)).await.unwrap(),
                ),
                2 => drop(
                    verifier
                        .revoke_sessions(account, Some(context.common().issued_at), None)
                        .await
                        .unwrap(),
                ),
                3 => verifier
                    .revoke_session(
                        account,
                        &context.common().session_id,
                        context.common().expires_at,
                    )
                    .await
                    .unwrap(),
                4 => drop(verifier.deactivate(&alice.serial, &Authority::Admin).await.unwrap()),
                _ => verifier.remove(&alice.serial, &Authority::Admin).await.unwrap(),
            }
        });
        other.tell(&signed.as_str());
        refused += usize::from(other.hear() == Some(false));
    }
    assert_eq!(refused, 1_000);
}
