//! An editor of a PostgreSQL database who has no sealing key and knows the code.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use test_support::stored::new_database;
use test_support::tools;
use test_support::world::Held;
use twostep::store::postgres::authenticated;
use twostep::store::{ApiKeyRecord, Change, Commit, SealedPlace, SigningKeyRecord, Store, Write};
use twostep::time::UnixTime;
use twostep::verifier::{Authority, Verifier};

use super::editor::{Random, keyring};
use super::tables::{active, database, problems, verifier};
use super::{NOW, account, serial};

/// Tables without tags: the log of migrations; the audit log, whose rows have MACs of their own.
const OTHERWISE: [&str; 3] = ["schema_version", "audit", "chains"];

/// Columns that no tag covers: numbers that only order rows.
const UNCOVERED: [(&str, &str); 5] = [
    ("tombstones", "number"),
    ("staged", "number"),
    ("single_use", "number"),
    ("signing_keys", "number"),
    ("api_keys", "number"),
];

/// Tables from which no row goes without being missed.
const WHOLE: [&str; 3] = ["devices", "signing_keys", "api_keys"];

/// A session of `psql`.
struct Psql {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Psql {
    fn at(address: &str) -> Psql {
        let program = test_support::postgres::programs().unwrap().join("psql");
        let mut child = Command::new(program)
            .args(["-X", "-q", "-A", "-t", address])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (asks, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Psql { child, asks, answers: BufReader::new(answers) }
    }

    /// Runs statements, of which some may fail, and returns what they print.
    fn ask(&mut self, sql: &str) -> String {
        writeln!(self.asks, "{sql};\n\\echo done").unwrap();
        self.asks.flush().unwrap();
        let mut said = String::new();
        loop {
            let mut line = String::new();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "psql has ended: {sql}");
            if line == "done\n" {
                return said.trim_end().to_owned();
            }
            said += &line;
        }
    }

    fn list(&mut self, sql: &str) -> Vec<String> {
        self.ask(sql).lines().map(str::to_owned).collect()
    }
}

impl Drop for Psql {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_every_postgresql_table_is_authenticated() {
    if !tools::have("postgresql") {
        return;
    }
    let address = new_database();
    drop(verifier(&address).await);
    let mut psql = Psql::at(&address);
    let tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'";
    for table in psql.list(tables) {
        let covers = authenticated().find(|(name, _)| *name == table).map(|(_, covers)| covers);
        assert_eq!(covers.is_none(), OTHERWISE.contains(&&*table), "{table} has tags");
        let Some(covers) = covers else { continue };
        let words: BTreeSet<&str> =
            covers.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let columns = format!(
            "SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"
        );
        for column in psql.list(&columns) {
            if column == "tag" {
                continue;
            }
            let uncovered = UNCOVERED.contains(&(&*table, &*column));
            assert_eq!(!words.contains(&*column), uncovered, "{table}.{column}");
        }
    }
}

fn signing_key(kid: &str) -> SigningKeyRecord {
    let place = SealedPlace::SigningKey { kid: kid.to_owned() };
    SigningKeyRecord {
        kid: kid.to_owned(),
        algorithm: "EdDSA".to_owned(),
        private: keyring().seal(&place, b"private").unwrap(),
        public: vec!["x".to_owned()],
        created_at: NOW,
        retired_at: None,
    }
}

fn api_key(id: &str) -> ApiKeyRecord {
    ApiKeyRecord {
        id: id.to_owned(),
        digest: vec![1; 32],
        name: None,
        role: "verifier".to_owned(),
        accounts: Some(vec!["alice".to_owned()]),
        explain: false,
        forward: false,
        signing_keys: Vec::new(),
        operator: None,
        created_at: NOW,
    }
}

async fn made(store: &dyn Store, write: Write) {
    let change = Change { account: None, writes: vec![write], audit: Vec::new() };
    let commit = store.commit(change).await.unwrap();
    assert!(matches!(commit, Commit::Committed(_)), "{commit:?}");
}

/// A store that was used, with a copy of its tables from in between under `older` and one of its
/// last state under `last`.
async fn lived_in(address: &str, psql: &mut Psql) -> Verifier {
    let verifier = verifier(address).await;
    verifier.ready().await.unwrap();
    let store = &**verifier.store();
    for (number, name) in (1..).zip(["alice", "bob", "carol"]) {
        active(&verifier, name, number).await;
    }
    let stolen = active(&verifier, "carol", 13).await;
    for name in ["first", "second"] {
        made(store, Write::PutSigningKey(signing_key(name))).await;
        made(store, Write::PutApiKey(api_key(name))).await;
    }
    made(store, Write::PutValue { name: "a rule".to_owned(), value: vec![1] }).await;
    made(store, Write::NoteTime(NOW)).await;
    let bob = account("bob");
    let end = NOW.plus(std::time::Duration::from_secs(3_600));
    verifier.revoke_session(&bob, "session-1", end).await.unwrap();
    verifier.bypass(&bob, std::time::Duration::from_secs(3_600)).await.unwrap();
    copy(psql, "older");

    verifier.revoke_sessions(&bob, None, None).await.unwrap();
    verifier.revoke_session(&bob, "session-2", end).await.unwrap();
    verifier.remove(&stolen.serial, &Authority::Admin).await.unwrap();
    verifier.deactivate(&serial("GAHT00000002"), &Authority::Admin).await.unwrap();
    verifier
        .add(Held::numbered("erin", 5).to_add(), &Authority::Admin)
        .await
        .unwrap();
    made(store, Write::DropSigningKey { kid: "first".to_owned() }).await;
    made(store, Write::RevokeApiKey { id: "first".to_owned() }).await;
    made(store, Write::NoteTime(UnixTime(NOW.0 + 9))).await;
    copy(psql, "last");
    verifier
}

/// Copies all tables into a schema.
fn copy(psql: &mut Psql, name: &str) {
    psql.ask(&format!("CREATE SCHEMA {name}"));
    for (table, _) in authenticated() {
        psql.ask(&format!("CREATE TABLE {name}.{table} AS TABLE public.{table}"));
    }
}

/// An editor at random.
struct Editor {
    psql: Psql,
    random: Random,
    tables: Vec<(String, Vec<(String, String)>)>,
}

/// An edit: the table, how, and true if it removes rows or puts older ones back.
struct Edit {
    table: String,
    how: String,
    goes_back: bool,
}

impl Editor {
    fn new(mut psql: Psql, seed: u64) -> Editor {
        // Constraints are no obstacle for an owner.
        for drop in psql.list(
            "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', conrelid::regclass, conname)
             FROM pg_constraint WHERE contype IN ('c', 'f')
                AND connamespace = 'public'::regnamespace",
        ) {
            psql.ask(&drop);
        }
        let mut tables = Vec::new();
        for (table, _) in authenticated() {
            let columns = psql.list(&format!(
                "SELECT column_name || ' ' || udt_name FROM information_schema.columns
                 WHERE table_schema = 'public' AND table_name = '{table}'"
            ));
            let columns = columns.iter().filter_map(|column| column.split_once(' '));
            let columns = columns
                .filter(|(column, _)| !UNCOVERED.contains(&(table, column)))
                .map(|(column, kind)| (column.to_owned(), kind.to_owned()));
            tables.push((table.to_owned(), columns.collect()));
        }
        Editor { psql, random: Random(seed), tables }
    }

    /// Edits a table; none if its rows are as before, or only uncovered ones changed. A second copy
    /// of a row says what the first one says.
    fn edit(&mut self) -> Option<Edit> {
        let table = self.random.below(self.tables.len());
        let (name, columns) = self.tables[table].clone();
        let (column, kind) = columns[self.random.below(columns.len())].clone();
        let count: usize = self.psql.ask(&format!("SELECT count(*) FROM {name}")).parse().unwrap();
        let older = format!("SELECT count(*) FROM older.{name}");
        let older: usize = self.psql.ask(&older).parse().unwrap();
        let (one, other) = (self.random.below(count), self.random.below(count));
        let row = |at| format!("(SELECT ctid FROM {name} ORDER BY ctid LIMIT 1 OFFSET {at})");
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let (all, value) = (names.join(", "), self.other_value(&column, &kind));
        let with_value: Vec<&str> = names
            .iter()
            .map(|name| if *name == column { value.as_str() } else { *name })
            .collect();
        let with_value = with_value.join(", ");
        let (way, back) = (self.random.below(6), self.random.below(older));
        let sql = match way {
            0 | 1 => format!("UPDATE {name} SET {column} = {value} WHERE ctid = {}", row(one)),
            2 => format!("DELETE FROM {name} WHERE ctid = {}", row(one)),
            3 => format!(
                "INSERT INTO {name} ({all}) SELECT {with_value} FROM {name} WHERE ctid = {}",
                row(one)
            ),
            4 => format!(
                "UPDATE {name} t SET {column} = o.{column} FROM {name} o
                 WHERE t.ctid IN ({a}, {b}) AND o.ctid IN ({a}, {b}) AND t.ctid <> o.ctid",
                a = row(one),
                b = row(other)
            ),
            _ => format!(
                "WITH o AS (SELECT * FROM older.{name} LIMIT 1 OFFSET {back}),
                 d AS (DELETE FROM {name} t USING o WHERE t.{first} = o.{first})
                 INSERT INTO {name} ({all}) SELECT {all} FROM o",
                first = names[0]
            ),
        };
        self.psql.ask(&sql);
        let differ = format!(
            "SELECT count(*) FROM ((SELECT {all} FROM {name} EXCEPT SELECT {all} FROM last.{name})
             UNION ALL (SELECT {all} FROM last.{name} EXCEPT SELECT {all} FROM {name})) AS d"
        );
        if self.psql.ask(&differ) == "0" {
            self.undo(&name);
            return None;
        }
        let how = format!("way {way}, {column} of row {one}");
        Some(Edit { table: name, how, goes_back: matches!(way, 2 | 5) })
    }

    fn other_value(&mut self, column: &str, kind: &str) -> String {
        let way = self.random.below(6);
        match (kind, way) {
            (_, 0) => "NULL".to_owned(),
            ("int8", _) => format!("{column} + {}", [1, -1, 3_600, -3_600, 1_000_000][way - 1]),
            ("bool", _) => format!("NOT {column}"),
            ("bytea", _) => format!("set_byte({column}, 0, (get_byte({column}, 0) + {way}) % 256)"),
            (_, 1) => format!("regexp_replace({column}, '1', '2')"),
            (_, 2) => format!("replace(replace({column}, 'active', 'locked'), 'true', 'false')"),
            (_, 3) => format!("{column} || ' '"),
            (_, 4) => format!("replace({column}, ':', ': ')"),
            _ => format!("regexp_replace({column}, '[0-9]+', '77')"),
        }
    }

    /// Puts all rows back as they were last.
    fn undo(&mut self, table: &str) {
        self.psql.ask(&format!(
            "BEGIN; DELETE FROM {table};
             INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM last.{table}; COMMIT"
        ));
    }
}

/// A number of edits, from the environment or small enough for every run.
fn edits() -> u64 {
    let given = std::env::var("TWOSTEP_EDITS").ok();
    given.map_or(300, |number| number.parse().unwrap())
}

fn seed() -> u64 {
    std::env::var("TWOSTEP_SEED").map_or(7, |seed| seed.parse().unwrap())
}

/// `store check` names every row that another program wrote, and misses devices and keys.
#[tokio::test(flavor = "multi_thread")]
async fn store_check_names_each_edited_row_of_postgresql() {
    if !tools::have("postgresql") {
        return;
    }
    let address = new_database();
    let mut psql = Psql::at(&address);
    drop(lived_in(&address, &mut psql).await);
    assert_eq!(problems(&address).await, Vec::<String>::new());
    let mut editor = Editor::new(psql, seed());
    let mut made = 0;
    while made < edits() {
        let Some(Edit { table, how, goes_back }) = editor.edit() else { continue };
        if !goes_back || WHOLE.contains(&&*table) {
            let found = problems(&address).await;
            assert!(!found.is_empty(), "{made}: {how} in {table} of {}", database(&address));
            made += 1;
        }
        editor.undo(&table);
    }
    assert_eq!(problems(&address).await, Vec::<String>::new());
}

/// Answers that decisions stand on; what cannot be read is an error.
async fn answers(store: &dyn Store) -> Vec<(String, Result<String, ()>)> {
    let mut all = Vec::new();
    for name in ["alice", "bob", "carol", "erin", "mallory"] {
        let account = store.account(&account(name)).await;
        all.push((name, account.map(|account| format!("{account:?}"))));
    }
    let signing = store.signing_keys().await;
    all.push(("signing keys", signing.map(|keys| format!("{keys:?}"))));
    all.push(("API keys", store.api_keys().await.map(|keys| format!("{keys:?}"))));
    let version = store.control_version().await;
    all.push(("control version", version.map(|version| version.to_string())));
    all.push(("a value", store.value("a rule").await.map(|value| format!("{value:?}"))));
    all.push(("time", store.highest_time().await.map(|time| format!("{time:?}"))));
    for id in ["session-1", "session-2", "session-3"] {
        all.push((id, store.session_revoked(id).await.map(|revoked| revoked.to_string())));
    }
    all.into_iter()
        .map(|(name, answer)| (name.to_owned(), answer.map_err(|_| ())))
        .collect()
}

/// The part of an answer that says what is there, without what tells apart two loads.
fn is_gone(was: &Result<String, ()>, is: &Result<String, ()>) -> bool {
    let nothing = ["None", "false"];
    was != is && is.as_ref().is_ok_and(|is| nothing.contains(&is.as_str()))
}

/// A running store answers as before, or not at all; of rows beside accounts, devices and keys it
/// does not miss those that were removed or were older.
#[tokio::test(flavor = "multi_thread")]
async fn no_edit_changes_an_answer_of_a_running_postgresql_store() {
    if !tools::have("postgresql") {
        return;
    }
    let address = new_database();
    let mut psql = Psql::at(&address);
    let verifier = lived_in(&address, &mut psql).await;
    let store = &**verifier.store();
    let before = answers(store).await;
    assert!(before.iter().all(|(_, answer)| answer.is_ok()), "{before:?}");
    let mut editor = Editor::new(psql, seed() + 4);
    let beside = ["named_values", "times", "revoked_sessions", "control", "store_identity"];
    let (mut made, mut refused, mut effects) = (0, 0, BTreeSet::new());
    while made < edits() {
        let Some(Edit { table, how, goes_back }) = editor.edit() else { continue };
        made += 1;
        for ((what, was), (_, is)) in before.iter().zip(answers(store).await) {
            refused += u64::from(is.is_err());
            let missed = beside.contains(&&*table) && (goes_back || is_gone(was, &is));
            if is.is_ok() && is != *was && !missed {
                effects.insert(format!("{how} in {table}: {what} is {is:?}"));
            }
        }
        editor.undo(&table);
    }
    assert_eq!(effects, BTreeSet::new());
    assert!(refused > made / 4, "{refused} answers refused after {made} edits");
    assert_eq!(answers(store).await, before);
}
