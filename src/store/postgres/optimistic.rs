//! One statement for many usual changes: it locks and compares all rows they name, accounts before
//! devices, and writes only if every one of them still stands.
//!
//! If one does not, nothing was written, and the answer says which rows stand.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use super::chain;
use super::columns::column;
use super::connection::{Connection, Values};
use super::fault::corrupt;
use super::outcome::Fault;
use super::tags::Tags;
use super::usual::{AccountRow, DeviceRow, Rows};
use crate::store::columns::unsigned;
use crate::store::{Error, Links};

/// The answer of the statement.
#[derive(Default)]
pub(super) struct Answer {
    /// The number of changes that were asked for.
    pub(super) changes: usize,
    /// Everything was written.
    pub(super) made: bool,
    /// The chain is at the end that its lane knows.
    pub(super) chain_stands: bool,
    /// An agent has found that the store forgot.
    pub(super) went_back: bool,
    pub(super) control_version: u64,
    /// The revisions before it of the accounts that were asked for.
    pub(super) named: BTreeMap<String, i64>,
    /// Unless everything was written: the revisions of the accounts, and of the devices with true
    /// if they are of the account and in the state that was expected.
    pub(super) accounts: BTreeMap<String, i64>,
    pub(super) devices: BTreeMap<String, (i64, bool)>,
    /// Accounts with published devices that are still staged.
    pub(super) staged: Vec<String>,
}

/// Makes all changes with these rows and audit rows, or none. `named` are the accounts of the
/// changes, and those of their devices.
pub(super) async fn write(
    conn: &Connection,
    rows: &Rows,
    named: &[&str],
    (from, to, audit): (&Links, &Links, &chain::Rows),
) -> Result<Answer, Fault> {
    let (accounts, devices) = (Accounts::of(&rows.accounts), Devices::of(&rows.devices));
    let chain = i64::from(from.last().chain.0);
    let [begin, end] =
        [from, to].map(|links| i64::try_from(links.last().number).unwrap_or(i64::MAX));
    let values: Values<'_> = &[
        &accounts.ids,
        &accounts.seen,
        &accounts.generations,
        &accounts.revoked_before,
        &accounts.removed,
        &accounts.bodies,
        &devices.serials,
        &devices.seen,
        &devices.accounts,
        &devices.states,
        &devices.bodies,
        &devices.tags,
        &accounts.tags,
        &named,
        &chain,
        &begin,
        &from.last().hash,
        &end,
        &to.last().hash,
        &audit.numbers,
        &audit.times,
        &audit.bodies,
        &audit.hashes,
        &audit.macs,
        &accounts.were,
        &devices.were,
    ];
    let sql = match (accounts.writes, devices.writes) {
        (false, false) => EXPECT_BOTH,
        (false, true) => EXPECT_ACCOUNTS,
        (true, false) => EXPECT_DEVICES,
        (true, true) => WRITE_BOTH,
    };
    let mut answer = Answer::default();
    for row in conn.decide(sql, values).await? {
        // The change may be made.
        let read = answer.read(&row, conn.tags());
        read.map_err(|error| Fault::Broken(Error::Unknown(error.to_string())))?;
    }
    Ok(answer)
}

impl Answer {
    fn read(&mut self, row: &Row, tags: &Tags) -> Result<(), Error> {
        let what = "the answer to a change";
        let name: Option<String> = column(what, row, 1)?;
        let name = name.unwrap_or_default();
        let number: Option<i64> = column(what, row, 2)?;
        let flag: Option<bool> = column(what, row, 3)?;
        let flag = flag.unwrap_or_default();
        match column::<i32>(what, row, 0)? {
            0 => {
                let version = number.ok_or_else(|| corrupt("the control version", "it is gone"))?;
                self.made = flag;
                tags.see_version(version, column(what, row, 4)?)?;
                self.control_version = unsigned(version);
            }
            1 => {
                self.named.insert(name, number.unwrap_or_default());
            }
            2 => {
                self.accounts.insert(name, number.unwrap_or_default());
            }
            3 => {
                self.devices.insert(name, (number.unwrap_or_default(), flag));
            }
            4 => self.staged.push(name),
            5 => self.chain_stands = flag,
            _ => self.went_back = flag,
        }
        Ok(())
    }
}

/// Accounts, a vector for each column.
#[derive(Default)]
struct Accounts<'a> {
    ids: Vec<&'a str>,
    seen: Vec<i64>,
    generations: Vec<Option<i64>>,
    revoked_before: Vec<Option<i64>>,
    removed: Vec<Option<bool>>,
    bodies: Vec<Option<&'a str>>,
    were: Vec<Option<&'a [u8]>>,
    tags: Vec<Option<&'a [u8]>>,
    writes: bool,
}

impl<'a> Accounts<'a> {
    fn of(rows: &'a BTreeMap<String, AccountRow>) -> Accounts<'a> {
        let mut columns = Accounts::default();
        for (id, AccountRow { seen, after, tags: [was, is] }) in rows {
            let after = after.as_ref();
            columns.ids.push(id);
            columns.seen.push(*seen);
            columns.generations.push(after.map(|after| after.generation));
            columns.revoked_before.push(after.and_then(|after| after.revoked_before));
            columns.removed.push(after.map(|after| after.removed));
            columns.bodies.push(after.map(|after| after.body.as_str()));
            columns.were.push(was.as_deref());
            columns.tags.push(is.as_deref());
            columns.writes |= after.is_some();
        }
        columns
    }
}

/// Devices, a vector for each column.
#[derive(Default)]
struct Devices<'a> {
    serials: Vec<&'a str>,
    seen: Vec<i64>,
    accounts: Vec<Option<&'a str>>,
    states: Vec<Option<&'a str>>,
    bodies: Vec<Option<&'a str>>,
    were: Vec<Option<&'a [u8]>>,
    tags: Vec<Option<&'a [u8]>>,
    writes: bool,
}

impl<'a> Devices<'a> {
    fn of(rows: &'a BTreeMap<String, DeviceRow>) -> Devices<'a> {
        let mut columns = Devices::default();
        for (serial, DeviceRow { seen, after }) in rows {
            let after = after.as_ref();
            columns.serials.push(serial);
            columns.seen.push(*seen);
            columns.accounts.push(after.map(|after| after.account.as_str()));
            columns.states.push(after.map(|after| after.state));
            columns.bodies.push(after.map(|after| after.body.as_str()));
            let [was, is] =
                after.map_or([None, None], |after| after.tags.each_ref().map(|tag| tag.as_deref()));
            columns.were.push(was);
            columns.tags.push(is);
            columns.writes |= after.is_some();
        }
        columns
    }
}

/// Makes the statement with these locks of accounts and devices.
///
/// Rows to write are locked against all others, rows that are expected alone against writers: two
/// changes that each expect what the other writes would both be made without. One lock serves all
/// rows of a table, so that they are locked in the order of their names. A row that is replaced has
/// the tag that it was read with. Each part counts the rows of the part before it, and is therefore
/// evaluated after it. No change among them revokes.
macro_rules! statement {
    ($accounts:literal, $devices:literal) => {
        concat!(
            "WITH ia AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[],
                    $4::bigint[], $5::boolean[], $6::text[], $13::bytea[],
                    $25::bytea[])
                AS t(id, seen, generation, revoked_before, removed, body, tag, was)),
            id AS MATERIALIZED (SELECT * FROM unnest($7::text[], $8::bigint[], $9::text[],
                    $10::text[], $11::text[], $12::bytea[], $26::bytea[])
                AS t(serial, seen, account, state, body, tag, was)),
            la AS MATERIALIZED (SELECT a.id, a.revision, a.revision = ia.seen
                    AND (ia.body IS NULL OR a.tag IS NOT DISTINCT FROM ia.was) AS stands
                FROM accounts a JOIN ia ON a.id = ia.id
                ORDER BY a.id FOR ", $accounts, " OF a),
            ld AS MATERIALIZED (SELECT d.serial, d.revision, d.revision = id.seen AS stands,
                    id.body IS NULL OR (d.account = id.account AND d.state = id.state
                        AND d.tag IS NOT DISTINCT FROM id.was) AS same
                FROM devices d JOIN id ON d.serial = id.serial
                WHERE (SELECT count(*) FROM la) >= 0
                ORDER BY d.serial FOR ", $devices, " OF d),
            lc AS MATERIALIZED (SELECT c.id FROM chains c
                WHERE c.id = $15 AND c.head = $16 AND c.head_hash = $17
                AND (SELECT count(*) FROM ld) >= 0 FOR NO KEY UPDATE OF c),
            st AS MATERIALIZED (SELECT DISTINCT s.account FROM imports i
                JOIN staged s ON s.import = i.number
                WHERE i.state = 'published' AND s.account = ANY($14::text[])),
            wb AS MATERIALIZED (SELECT count(*) > 0 AS went_back FROM control c, store_identity i
                WHERE c.name = 'went_back' AND c.value >= i.epoch),
            ok AS MATERIALIZED (SELECT (SELECT count(*) FROM lc) = 1
                AND (SELECT count(*) FROM la WHERE stands) = cardinality($1)
                AND (SELECT count(*) FROM ld WHERE stands AND same) = cardinality($7)
                AND NOT EXISTS (SELECT FROM st) AND NOT (SELECT went_back FROM wb) AS ok),
            wa AS (UPDATE accounts a SET revision = a.revision + 1, generation = ia.generation,
                    revoked_before = ia.revoked_before, removed = ia.removed, body = ia.body,
                    tag = ia.tag
                FROM ia WHERE a.id = ia.id AND ia.body IS NOT NULL AND (SELECT ok FROM ok)),
            wd AS (UPDATE devices d SET revision = d.revision + 1, body = id.body,
                    tag = id.tag
                FROM id WHERE d.serial = id.serial AND id.body IS NOT NULL
                AND (SELECT ok FROM ok)),
            wr AS (INSERT INTO audit (chain, number, at, body, hash, mac)
                SELECT $15, t.* FROM unnest($20::bigint[], $21::bigint[], $22::text[],
                    $23::text[], $24::bytea[]) AS t WHERE (SELECT ok FROM ok)),
            wc AS (UPDATE chains SET head = $18, head_hash = $19
                WHERE id = $15 AND head <> $18 AND (SELECT ok FROM ok))
            SELECT 0, NULL::text, c.value, ok.ok, c.tag FROM ok, control c
                WHERE c.name = 'version'
            UNION ALL SELECT 1, a.id, a.revision, NULL, NULL FROM accounts a
                WHERE a.id = ANY($14::text[])
            UNION ALL SELECT 2, la.id, la.revision, NULL, NULL FROM la
                WHERE NOT (SELECT ok FROM ok)
            UNION ALL SELECT 3, ld.serial, ld.revision, ld.same, NULL FROM ld
                WHERE NOT (SELECT ok FROM ok)
            UNION ALL SELECT 4, st.account, NULL, NULL, NULL FROM st
            UNION ALL SELECT 5, NULL, NULL, count(*) = 1, NULL FROM lc
            UNION ALL SELECT 6, NULL, NULL, went_back, NULL FROM wb"
        )
    };
}

const EXPECT_BOTH: &str = statement!("SHARE", "SHARE");
const EXPECT_ACCOUNTS: &str = statement!("SHARE", "NO KEY UPDATE");
const EXPECT_DEVICES: &str = statement!("NO KEY UPDATE", "SHARE");
const WRITE_BOTH: &str = statement!("NO KEY UPDATE", "NO KEY UPDATE");
