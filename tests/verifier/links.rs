//! One-time links and started sign-ins of the console: each opens once, and only what it was made
//! for.

use std::time::Duration;

use test_support::hooked::{Hook, Hooked};
use test_support::test_store::TestStore;
use test_support::world::{World, refused};
use twostep::device::{MfaKind, Refusal};
use twostep::id::{AccountId, CallerId};
use twostep::secret::Secret;
use twostep::store::{Answer, Change, Commit, Keyring, Store, Write};
use twostep::verifier::{
    Authority, Error, LinkCode, LinkPurpose, MadeLink, OpenedLink, SignIn, Verifier,
};

const HOUR: Duration = Duration::from_secs(3_600);

fn alice() -> AccountId {
    "alice".parse().unwrap()
}

async fn made(verifier: &Verifier, account: &AccountId, purpose: LinkPurpose) -> MadeLink {
    verifier.make_link(account, HOUR, purpose).await.unwrap()
}

/// Every refused link has this one answer.
async fn is_refused(verifier: &Verifier, code: &LinkCode, why: &str) {
    assert_eq!(refused(verifier.open_link(code).await), Refusal::UnknownDevice, "{why}");
}

#[tokio::test]
async fn a_link_opens_once_and_names_its_account() {
    let world = World::new();
    let verifier = &world.verifier;
    let link = made(verifier, &alice(), LinkPurpose::Enroll).await;
    assert_eq!(link.expires_at, world.now().plus(HOUR));
    let OpenedLink { account, recovery } = verifier.open_link(&link.code).await.unwrap();
    assert_eq!(account, alice(), "an account that does not exist yet");
    assert!(recovery.is_none(), "a plain link proves nothing");
    is_refused(verifier, &link.code, "opened before").await;
    is_refused(verifier, &"0".repeat(26).parse().unwrap(), "never made").await;
    let rows = world.audit().await;
    let told: Vec<_> = rows
        .iter()
        .filter(|row| row.action.name().starts_with("link."))
        .map(|row| (row.action.name(), row.reason.as_ref().unwrap().name(), row.account.clone()))
        .collect();
    let id = link.id.as_str();
    assert_eq!(told, [("link.made", id, Some(alice())), ("link.opened", id, Some(alice()))]);
    let kept = format!("{rows:?}");
    assert!(!kept.contains(link.code.as_str()), "the audit log has no code: {kept}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_eight_racers_opens_a_link() {
    let world = World::new();
    world.active("alice").await;
    for purpose in [LinkPurpose::Enroll, LinkPurpose::Recover] {
        for round in 0..10 {
            let link = made(&world.verifier, &alice(), purpose).await;
            let mut racers = tokio::task::JoinSet::new();
            for _ in 0..8 {
                // Without a queue in common, as several agents are.
                let (verifier, code) = (world.verifier_on(world.store()), link.code.clone());
                racers.spawn(async move { verifier.open_link(&code).await });
            }
            let results = racers.join_all().await;
            let opened = results.iter().filter(|result| result.is_ok()).count();
            let of = results.iter().filter(|result| matches!(result, Err(Error::Refused(_))));
            assert_eq!((opened, of.count()), (1, 7), "{purpose:?}, round {round}");
        }
    }
    let opened = world.audited("link.opened").await.len();
    assert_eq!((opened, world.audited("bypass.accepted").await.len()), (20, 10));
}

#[tokio::test]
async fn a_link_ends_by_time_replacement_and_withdrawal() {
    let world = World::new();
    let verifier = &world.verifier;
    let old = made(verifier, &alice(), LinkPurpose::Enroll).await;
    let other = made(verifier, &"bob".parse().unwrap(), LinkPurpose::Enroll).await;
    let newer = made(verifier, &alice(), LinkPurpose::Enroll).await;
    is_refused(verifier, &old.code, "voided by a newer one").await;
    verifier.withdraw_link(&newer.id).await.unwrap();
    is_refused(verifier, &newer.code, "withdrawn").await;
    for id in [newer.id.as_str(), "", "0", &other.id[..11], "éééééé", "zzzzzzzzzzzz"] {
        let withdrawn = verifier.withdraw_link(id).await;
        assert!(matches!(withdrawn, Err(Error::NotFound("link"))), "{id:?}: {withdrawn:?}");
    }
    assert_eq!(world.audited("link.withdrawn").await.len(), 1);
    world.pass(3_600);
    is_refused(verifier, &other.code, "expired").await;

    for seconds in [59, 604_801] {
        let ttl = Duration::from_secs(seconds);
        let made = verifier.make_link(&alice(), ttl, LinkPurpose::Enroll).await;
        assert!(matches!(made, Err(Error::BadInput(_))), "{seconds}: {made:?}");
    }
    let week = Duration::from_secs(604_800);
    let last = verifier.make_link(&alice(), week, LinkPurpose::Enroll).await.unwrap();
    world.pass(604_799);
    verifier.open_link(&last.code).await.unwrap();
}

#[tokio::test]
async fn a_link_of_a_removed_account_opens_no_later_one() {
    let world = World::new();
    let verifier = &world.verifier;
    for purpose in [LinkPurpose::Enroll, LinkPurpose::Recover] {
        world.added("alice", &Authority::Admin).await.unwrap();
        let link = made(verifier, &alice(), purpose).await;
        let started = verifier.start_sign_in(&sign_in("alice", None)).await.unwrap();
        verifier.remove_account(&alice()).await.unwrap();
        is_refused(verifier, &link.code, "its account is removed").await;
        world.added("alice", &Authority::Admin).await.unwrap();
        is_refused(verifier, &link.code, "an account of the same name is another one").await;
        assert!(verifier.sign_in(&started.code).await.unwrap().is_none());
        verifier.remove_account(&alice()).await.unwrap();
    }
    let made = verifier.make_link(&alice(), HOUR, LinkPurpose::Recover).await;
    assert!(matches!(made, Err(Error::NotFound("account"))), "{made:?}");
}

#[tokio::test]
async fn the_opening_of_a_recovery_link_is_a_proof() {
    let world = World::new();
    let held = world.active("alice").await;
    let operator = world.verifier.on_behalf_of(CallerId::new("key:OPERATOR"));
    let link = made(&operator, &held.account, LinkPurpose::Recover).await;
    let [row] = &world.audited("recovery_link.made").await[..] else { panic!("one row") };
    assert_eq!((row.caller.as_str(), row.account.as_ref()), ("key:OPERATOR", Some(&held.account)));
    let opened = world.verifier.open_link(&link.code).await.unwrap();
    let verified = opened.recovery.unwrap();
    assert_eq!((verified.account(), verified.kind()), (&held.account, MfaKind::Bypass));
    assert_eq!(verified.serial().as_str(), format!("bypass:{}", link.id));
    assert_eq!(verified.at(), world.now());
    let account = world.account(&held.account).await.account;
    assert_eq!(verified.generation(), account.generation);
    let [row] = &world.audited("bypass.accepted").await[..] else { panic!("one row") };
    assert_eq!(row.serial.as_ref(), Some(verified.serial()), "told as a bypass code is");
}

#[tokio::test]
async fn links_are_listed_by_pages_without_their_codes() {
    let world = World::new();
    let operator = world.verifier.on_behalf_of(CallerId::new("key:OPERATOR"));
    let names: Vec<String> = (0..5).map(|number| format!("person {number}")).collect();
    let mut made = Vec::new();
    for name in &names {
        let account: AccountId = name.parse().unwrap();
        made.push(operator.make_link(&account, HOUR, LinkPurpose::Enroll).await.unwrap());
    }
    let opened = made.pop().unwrap();
    let _ = operator.open_link(&opened.code).await.unwrap();
    let whole = operator.links(None, 100).await.unwrap();
    let mut ids: Vec<&str> = made.iter().map(|link| link.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(whole.iter().map(|link| link.id.as_str()).collect::<Vec<_>>(), ids);
    for link in &whole {
        assert_eq!((link.made_by.as_str(), link.created_at), ("key:OPERATOR", world.now()));
        assert_eq!(link.expires_at, world.now().plus(HOUR));
        assert_eq!(operator.link(&link.id).await.unwrap().as_ref(), Some(link));
    }
    let mut pages = Vec::new();
    while let page = operator.links(pages.last().map(link_id), 1).await.unwrap()
        && !page.is_empty()
    {
        pages.extend(page);
    }
    assert_eq!(pages, whole, "pages join without gaps");
}

fn link_id(link: &twostep::verifier::Link) -> &str {
    &link.id
}

/// An editor of a store without tags cannot change what a link is for.
#[tokio::test]
async fn a_link_with_another_body_is_refused() {
    let world = World::new();
    let held = world.active("alice").await;
    let altering = world.verifier_on(Hooked { store: world.store(), hook: Altering });
    let link = made(&altering, &held.account, LinkPurpose::Enroll).await;
    is_refused(&world.verifier, &link.code, "its body is another one").await;
    assert!(matches!(world.verifier.links(None, 10).await, Err(Error::Store(_))));
}

/// Makes recovery links of plain ones.
struct Altering;

impl Hook for Altering {
    fn commit<'a>(&'a self, store: &'a TestStore, mut change: Change) -> Answer<'a, Commit> {
        for write in &mut change.writes {
            let Write::AddSingleUse(item) = write else { continue };
            let at = item.body.windows(6).position(|bytes| bytes == b"enroll").unwrap();
            item.body.splice(at..at + 6, *b"recover");
        }
        store.commit(change)
    }
}

fn sign_in(account: &str, state: Option<&str>) -> SignIn {
    SignIn {
        account: account.parse().unwrap(),
        service: "Orders".to_owned(),
        return_to: "https://orders.example.com/cart".to_owned(),
        state: state.map(str::to_owned),
    }
}

#[tokio::test]
async fn a_started_sign_in_is_seen_until_it_ends() {
    let world = World::new();
    let verifier = &world.verifier;
    let wanted = sign_in("nobody", Some("CSRF-9"));
    let started = verifier.start_sign_in(&wanted).await.unwrap();
    assert_eq!(started.expires_at, world.now().plus(Duration::from_secs(600)));
    for _ in 0..2 {
        let seen = verifier.sign_in(&started.code).await.unwrap();
        assert!(seen == Some(wanted.clone()), "to look at it consumes nothing");
    }
    is_refused(verifier, &started.code, "a sign-in is no link").await;
    assert!(verifier.end_sign_in(&started.code).await.unwrap() == wanted);
    refused(verifier.end_sign_in(&started.code).await);
    assert!(verifier.sign_in(&started.code).await.unwrap().is_none());

    let started = verifier.start_sign_in(&wanted).await.unwrap();
    world.pass(600);
    assert!(verifier.sign_in(&started.code).await.unwrap().is_none(), "it has expired");
    refused(verifier.end_sign_in(&started.code).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_eight_racers_ends_a_sign_in() {
    let world = World::new();
    for round in 0..10 {
        let started = world.verifier.start_sign_in(&sign_in("alice", None)).await.unwrap();
        let mut racers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (verifier, code) = (world.verifier_on(world.store()), started.code.clone());
            racers.spawn(async move { verifier.end_sign_in(&code).await.is_ok() });
        }
        let ended = racers.join_all().await.into_iter().filter(|ended| *ended).count();
        assert_eq!(ended, 1, "round {round}");
    }
}

#[tokio::test]
async fn the_eight_newest_sign_ins_of_an_account_stay() {
    let world = World::new();
    let other = world.verifier.start_sign_in(&sign_in("bob", None)).await.unwrap();
    let mut started = Vec::new();
    for _ in 0..9 {
        started.push(world.verifier.start_sign_in(&sign_in("alice", None)).await.unwrap().code);
    }
    started.push(other.code);
    let mut there = Vec::new();
    for code in &started {
        there.push(world.verifier.sign_in(code).await.unwrap().is_some());
    }
    assert_eq!(there.iter().position(|there| *there), Some(1), "{there:?}");
    assert_eq!(there.iter().filter(|there| **there).count(), 9, "{there:?}");
}

/// A link lasts longer than the sealing key of its time may.
#[tokio::test]
async fn a_link_outlives_the_exchange_of_the_sealing_key() {
    let keys: Vec<Secret> = (1..3).map(|n| Secret::new(vec![n; 32])).collect();
    let world = World::sealed_with(Keyring::new(&keys[0], &[]).unwrap());
    let link = made(&world.verifier, &alice(), LinkPurpose::Enroll).await;
    let started = world.verifier.start_sign_in(&sign_in("alice", None)).await.unwrap();
    let both = Keyring::new(&keys[1], &keys[..1]).unwrap();
    world.verifier.rotate_sealing_keys(both).await.unwrap();
    assert!(world.verifier.sign_in(&started.code).await.unwrap().is_some());
    world
        .verifier
        .rotate_sealing_keys(Keyring::new(&keys[1], &[]).unwrap())
        .await
        .unwrap();
    assert!(world.verifier.sign_in(&started.code).await.unwrap().is_none());
    world.verifier.open_link(&link.code).await.unwrap();
}
