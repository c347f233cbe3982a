//! The contract on PostgreSQL, and what is its own.

use test_support::stored::{new_database, server};
use test_support::tools;
use twostep::store::postgres::BadAddress;
use twostep::store::{ConnectError, PostgresOptions, PostgresStore, Store, contract};

use super::*;

async fn open(address: &str) -> Result<PostgresStore, ConnectError> {
    PostgresStore::open(address.parse::<PostgresOptions>().unwrap().single(true)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_postgresql() {
    if !tools::have("postgresql") {
        return;
    }
    contract::holds(async || open(&new_database()).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_between_two_handles_on_postgresql() {
    if !tools::have("postgresql") {
        return;
    }
    contract::holds_between(async || {
        let address = new_database();
        [open(&address).await.unwrap(), open(&address).await.unwrap()]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_start_at_once_make_one_schema() {
    if !tools::have("postgresql") {
        return;
    }
    let address = new_database();
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let address = address.clone();
        starts.spawn(async move { open(&address).await.map(|_| ()) });
    }
    for started in starts.join_all().await {
        started.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_later_schema_is_refused_in_words() {
    if !tools::have("postgresql") {
        return;
    }
    let address = new_database();
    open(&address).await.unwrap();
    let database = address.rsplit('/').next().unwrap();
    let later = |serves| format!("INSERT INTO schema_version VALUES (1001, 'later', {serves})");
    // The numbers of steps have no gaps.
    server().sql(database, &later(1).replace("1001", "6"));
    open(&address).await.unwrap();
    server().sql(database, "UPDATE schema_version SET serves = 6 WHERE version = 6");
    let error = open(&address).await.unwrap_err();
    assert!(matches!(error, ConnectError::Newer { known: 5, .. }), "{error}");
    assert!(error.to_string().contains("run that one"), "{error}");
    server().sql(database, "DELETE FROM schema_version WHERE version = 6");
    server().sql(database, "UPDATE schema_version SET checksum = 'other'");
    let error = open(&address).await.unwrap_err();
    assert!(matches!(error, ConnectError::Changed { version: 1, .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_rights_over_the_schema_opens_the_store() {
    if !tools::have("postgresql") {
        return;
    }
    let address = new_database();
    open(&address).await.unwrap();
    let database = address.rsplit('/').next().unwrap();
    server().sql(
        database,
        &format!(
            "CREATE ROLE agent_{database} LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC;
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public
                TO agent_{database}"
        ),
    );
    let agent = address.replace("postgres@", &format!("agent_{database}@"));
    let store = open(&agent).await.unwrap();
    made_on(&store, [Write::CreateAccount(Account::new(account("alice"), NOW))]).await;
    assert!(store.account(&account("alice")).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_is_named() {
    if !tools::have("postgresql") {
        return;
    }
    let address = new_database();
    let store = open(&address).await.unwrap();
    for name in ["alice", "bob"] {
        made_on(&store, [Write::CreateAccount(Account::new(account(name), NOW))]).await;
    }
    let database = address.rsplit('/').next().unwrap();
    server().sql(database, "UPDATE accounts SET body = '{}' WHERE id = 'alice'");
    let error = store.account(&account("alice")).await.unwrap_err();
    assert!(matches!(error, twostep::store::Error::Corrupt(_)), "{error}");
    assert!(error.to_string().contains("an account"), "{error}");
    assert!(store.account(&account("bob")).await.unwrap().is_some(), "others are served");
    server().sql(database, "DELETE FROM control WHERE name = 'version'");
    let error = store.account(&account("bob")).await.unwrap_err();
    assert!(error.to_string().contains("the control version"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_with_a_nul_are_no_rows() {
    if !tools::have("postgresql") {
        return;
    }
    let store = open(&new_database()).await.unwrap();
    assert!(store.single_use("a\0b", NOW).await.unwrap().is_none());
    assert!(!store.session_revoked("a\0b").await.unwrap());
    assert!(store.value("a\0b").await.unwrap().is_none());
    let list = twostep::store::AccountList {
        prefix: Some("\0".to_owned()),
        limit: 10,
        ..Default::default()
    };
    assert!(store.accounts(list).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_audit_row_breaks_its_chain() {
    if !tools::have("postgresql") {
        return;
    }
    let address = new_database();
    let store = open(&address).await.unwrap();
    for _ in 0..9 {
        made_on(&store, []).await;
    }
    let report = store.verify_audit().await.unwrap();
    assert!(report.ok && report.rows() == 9, "{report:?}");
    let database = address.rsplit('/').next().unwrap();
    for (sql, why) in [
        ("UPDATE audit SET at = at + 1 WHERE number = 2", "another time"),
        ("UPDATE audit SET at = at - 1 WHERE number = 2", ""),
        ("UPDATE chains SET head = head + 1", "a missing row at the end"),
        ("UPDATE chains SET head = head - 1", ""),
        ("UPDATE audit SET chain = 77 WHERE number = 1", "rows of an unknown chain"),
    ] {
        server().sql(database, sql);
        let report = store.verify_audit().await.unwrap();
        assert_eq!(report.ok, why.is_empty(), "{why}: {report:?}");
    }
}

#[test]
fn a_password_in_an_address_is_refused_and_not_repeated() {
    let address = "postgres://twostep:hunter2@db1/twostep";
    assert_eq!(address.parse::<PostgresOptions>().unwrap_err(), BadAddress::Password);
}

/// Makes a change with an audit row.
async fn made_on(store: &PostgresStore, writes: impl IntoIterator<Item = Write>) {
    let change = Change {
        account: None,
        writes: writes.into_iter().collect(),
        audit: vec![Event::new(NOW, "test", &caller())],
    };
    let commit = store.commit(change).await.unwrap();
    assert!(matches!(commit, Commit::Committed(_)), "{commit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_machine_has_a_highest_time_of_its_own() {
    if !tools::have("postgresql") {
        return;
    }
    let address = new_database();
    let of = async |machine: &str| {
        let options = address.parse::<PostgresOptions>().unwrap().single(true).machine(machine);
        PostgresStore::open(options).await.unwrap()
    };
    let (fast, right) = (of("fast").await, of("it's right -c x").await);
    let noted = async |store: &PostgresStore, write| {
        let change = Change { account: None, writes: vec![write], audit: Vec::new() };
        let _ = store.commit(change).await.unwrap();
        store.highest_time().await.unwrap()
    };
    let (now, later) = (UnixTime(NOW.0), UnixTime(NOW.0 + 86_400));
    assert_eq!(noted(&fast, Write::NoteTime(later)).await, Some(later));
    assert_eq!(right.highest_time().await.unwrap(), None, "another machine's clock is its own");
    assert_eq!(noted(&right, Write::NoteTime(now)).await, Some(now));
    assert_eq!(noted(&fast, Write::NoteTime(now)).await, Some(later), "it never falls");
    assert_eq!(noted(&fast, Write::AcceptTime(now)).await, Some(now), "unless it is accepted");
    assert_eq!(of("fast").await.highest_time().await.unwrap(), Some(now));
}
