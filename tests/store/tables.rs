//! PostgreSQL's rows carry tags: the contract of a store with its keys, and its adoption.

use test_support::stored::{new_database, server};
use test_support::tools;
use test_support::world::{Held, both};
use twostep::otp::Window;
use twostep::secret::Secret;
use twostep::store::postgres::check;
use twostep::store::{
    Adoption, Error, PostgresOptions, PostgresStore, Store, StoreKeys, Write, contract,
};
use twostep::verifier::{Authority, Limits, Verifier};

use super::editor::keyring;
use super::{NOW, account, caller, serial};

pub(super) fn options(address: &str) -> PostgresOptions {
    address.parse::<PostgresOptions>().unwrap().single(true).without_clock()
}

/// A store that was given its keys.
async fn unlocked(address: &str, first: bool) -> PostgresStore {
    let store = PostgresStore::open(options(address)).await.unwrap();
    let name = "pepper of authenticated tables".to_owned();
    let adoption = first.then(|| Adoption {
        at: NOW,
        caller: caller(),
        writes: vec![Write::InitValue { name, value: vec![1] }],
        audit: Vec::new(),
    });
    let keys = StoreKeys::of(&Secret::new(vec![9; 32])).unwrap();
    store.unlock(keys, adoption).await.unwrap();
    store
}

pub(super) async fn verifier(address: &str) -> Verifier {
    let clock = twostep::testing::FixedClock::at(NOW);
    let store = std::sync::Arc::new(PostgresStore::open(options(address)).await.unwrap());
    Verifier::with(store, keyring(), std::sync::Arc::new(clock), Limits::default())
}

/// The name of a database in its address.
pub(super) fn database(address: &str) -> &str {
    address.rsplit('/').next().unwrap()
}

/// The findings of a look at the whole store with its keys.
pub(super) async fn problems(address: &str) -> Vec<String> {
    let found = match check(options(address), Some(&keyring())).await {
        Ok(found) => found,
        Err(error) => return vec![error.to_string()],
    };
    let wrong_keys = found.wrong_keys.then(|| "the pepper does not open".to_owned());
    found.problems.into_iter().chain(wrong_keys).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_authenticated_tables() {
    if !tools::have("postgresql") {
        return;
    }
    contract::holds(async || unlocked(&new_database(), true).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_between_two_handles_of_authenticated_tables() {
    if !tools::have("postgresql") {
        return;
    }
    contract::holds_between(async || {
        let address = new_database();
        [unlocked(&address, true).await, unlocked(&address, false).await]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_handle_changes_nothing_in_authenticated_tables() {
    if !tools::have("postgresql") {
        return;
    }
    let address = new_database();
    drop(unlocked(&address, true).await);
    let store = PostgresStore::open(options(&address)).await.unwrap();
    let writes = vec![Write::NoteTime(NOW)];
    let change = twostep::store::Change { account: None, writes, audit: Vec::new() };
    let refused = store.commit(change).await;
    assert!(matches!(&refused, Err(Error::Unavailable(why)) if why.contains("its keys")));
}

/// The database as a program of schema 3 left it: its audit log alone was authenticated.
fn schema_3(address: &str) {
    let database = database(address);
    server().sql(
        database,
        "CREATE TABLE schema_version (version bigint NOT NULL PRIMARY KEY, \
         checksum text NOT NULL, serves bigint NOT NULL)",
    );
    let steps = [
        include_str!("../../src/store/migrations/postgres_0001_initial.sql"),
        include_str!("../../src/store/migrations/postgres_0002_unassigned.sql"),
        include_str!("../../src/store/migrations/postgres_0003_revocations.sql"),
    ];
    for (version, step) in (1..).zip(steps) {
        server().sql(database, step);
        server().sql(
            database,
            &format!(
                "INSERT INTO schema_version VALUES ({version},
                encode(sha256(convert_to($step${step}$step$, 'UTF8')), 'hex'), 1)"
            ),
        );
    }
}

/// Takes a store that was adopted back to what it was before, as far as schema 3 had it.
fn without_tags(address: &str) {
    let tables = "accounts devices tombstones fingerprint_aliases imports staged single_use \
                  revoked_sessions device_marks signing_keys api_keys named_values control";
    for table in tables.split_whitespace() {
        server().sql(database(address), &format!("UPDATE {table} SET tag = NULL"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_schema_3_is_adopted_and_earlier_programs_refuse() {
    if !tools::have("postgresql") {
        return;
    }
    let address = new_database();
    schema_3(&address);
    let place = twostep::store::SealedPlace::Value { name: "pepper of authenticated rows".into() };
    let pepper = twostep::store::hex(keyring().seal(&place, &[9; 32]).unwrap().as_bytes());
    server().sql(
        database(&address),
        &format!(
            "INSERT INTO named_values VALUES ('pepper of authenticated rows', '\\x{pepper}');
            INSERT INTO accounts (id, revision, generation, removed, body) VALUES ('zoe', 1, 0,
                false, '{{\"id\":\"zoe\",\"created_at\":1800000000,\"protected\":false,\
            \"generation\":0,\"revoked_before\":null,\"failures\":[],\"throttled_until\":null,\
            \"removed_at\":null}}')"
        ),
    );
    for _start in 0..2 {
        let verifier = verifier(&address).await;
        verifier.ready().await.unwrap();
        assert!(verifier.store().account(&account("zoe")).await.unwrap().is_some());
        assert_eq!(problems(&address).await, Vec::<String>::new());
    }
    let untagged = "SELECT count(*) FROM accounts WHERE tag IS NULL";
    assert_eq!(server().sql(database(&address), untagged), "0");
    let old = "SELECT count(*) FROM named_values WHERE name = 'pepper of authenticated rows'";
    assert_eq!(server().sql(database(&address), old), "0", "it would be adopted again");
    // The statement that a program of schema 3 begins every change with.
    let before = "SELECT 1 FROM control c, identity i WHERE c.value >= i.epoch";
    let refused = server().refused(database(&address), before);
    assert!(refused.contains("a later version of twostep serves from this store"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_adopted_once() {
    if !tools::have("postgresql") {
        return;
    }
    let pepper = "name = 'pepper of authenticated tables'";
    for (trick, sql) in [
        ("no tags", String::new()),
        ("no pepper", format!("DELETE FROM named_values WHERE {pepper}")),
        (
            "the pepper under its earlier name",
            format!("UPDATE named_values SET name = 'pepper of authenticated rows' WHERE {pepper}"),
        ),
    ] {
        let address = new_database();
        let first = verifier(&address).await;
        first.ready().await.unwrap();
        active(&first, "alice", 1).await;
        drop(first);
        without_tags(&address);
        if !sql.is_empty() {
            server().sql(database(&address), &sql);
        }
        let second = verifier(&address).await;
        let ready = second.ready().await;
        let seen = second.store().account(&account("alice")).await;
        assert!(ready.is_err() || seen.is_err(), "{trick}: {ready:?}");
        let untagged = "SELECT count(*) FROM devices WHERE tag IS NULL";
        assert_eq!(server().sql(database(&address), untagged), "1", "{trick}: it was adopted");
    }
}

/// An account with an active device of this number.
pub(super) async fn active(verifier: &Verifier, of: &str, number: u64) -> Held {
    let held = Held::numbered(of, number);
    verifier.add(held.to_add(), &Authority::Admin).await.unwrap();
    let pair = held.pair(NOW);
    verifier
        .activate(&held.serial, both(&pair), Window::Owner, &Authority::Admin)
        .await
        .unwrap();
    assert_eq!(held.serial, serial(held.serial.as_str()));
    held
}
