//! The tables whose rows decide, and what the tags of their rows cover.
//!
//! A tag is a MAC over the kind of row and its columns. Not covered are numbers that only order
//! rows, and the mark of a store that went back, which only refuses.

/// The columns that the tag of a row covers, in their order.
macro_rules! covers {
    // The devices are covered with their states, so that none is added, removed or put back.
    (accounts) => {
        "id, revision, generation, revoked_before, removed, body, devices, active, \
         (SELECT string_agg(d.serial || ' ' || d.state, ' ' ORDER BY d.serial) \
         FROM devices d WHERE d.account = accounts.id)"
    };
    (devices) => {
        "serial, revision, account, state, kind, created_at, body, seed, seed_key, fingerprint"
    };
    (tombstones) => {
        "serial, fingerprint, body"
    };
    (fingerprint_aliases) => {
        "alias, fingerprint"
    };
    (imports) => {
        "id, number, state, chain, staged_at, devices"
    };
    (staged) => {
        "serial, import, account, revision, body, seed, seed_key, fingerprint"
    };
    (single_use) => {
        "id, account, kind, body, expires_at, consumed"
    };
    (revoked_sessions) => {
        "id, expires_at, account, revoked_at"
    };
    (device_marks) => {
        "account, serial, revoked_before, generation"
    };
    (signing_keys) => {
        "kid, created_at, body"
    };
    (api_keys) => {
        "id, created_at, body"
    };
    (named_values) => {
        "name, value"
    };
    // The row `keys` covers the sets of keys, so that none is removed or put back.
    (control) => {
        "name, value, CASE WHEN name = 'keys' THEN (SELECT string_agg(encode(s.tag, 'hex'), ' ' \
         ORDER BY s.kid) FROM signing_keys s) END, CASE WHEN name = 'keys' THEN (SELECT \
         string_agg(encode(a.tag, 'hex'), ' ' ORDER BY a.id) FROM api_keys a) END"
    };
    (times) => {
        "machine, highest"
    };
    (store_identity) => {
        "id, epoch"
    };
}

pub(super) use covers;

/// A table whose rows carry tags.
///
/// Its statements answer with the covered columns, the tag and the row's place on the disk.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// The kind of row, as messages name it.
    pub(super) kind: &'static str,
    /// The columns, and what else a tag covers.
    covers: &'static str,
    /// The number of columns that a tag covers.
    pub(super) columns: usize,
    /// The number of those at the end that a usual change leaves as they are.
    pub(super) fixed: usize,
    /// Rows that a change stands on, which are locked.
    pub(super) look: &'static str,
    /// Rows among those that this transaction has written.
    pub(super) written: &'static str,
    /// Gives rows at these places their tags.
    pub(super) retag: &'static str,
    /// Rows of a part of the table.
    pub(super) page: &'static str,
    /// Rows of a part of the table that this transaction has not written.
    pub(super) untagged: &'static str,
    /// The number of the table's blocks.
    pub(super) size: &'static str,
}

macro_rules! table {
    ($constant:ident, $name:ident, $kind:literal, $columns:literal with $fixed:literal fixed,
        where $search:literal) => {
        table!($constant, $name, $kind, $columns with $fixed fixed, where $search,
            tagged if "true");
    };
    ($constant:ident, $name:ident, $kind:literal, $columns:literal with $fixed:literal fixed,
        where $search:literal, tagged if $tagged:literal) => {
        pub(super) static $constant: Table = Table {
            name: stringify!($name),
            kind: $kind,
            covers: covers!($name),
            columns: $columns,
            fixed: $fixed,
            look: concat!("SELECT ", covers!($name), ", tag, ctid::text FROM ", stringify!($name),
                " WHERE ", $search, " FOR NO KEY UPDATE"),
            written: concat!("SELECT ", covers!($name), ", tag, ctid::text FROM ",
                stringify!($name), " WHERE ", $search,
                " AND xmin = pg_current_xact_id()::xid"),
            retag: concat!("UPDATE ", stringify!($name), " t SET tag = n.tag
                FROM unnest($1::text[], $2::bytea[]) AS n(place, tag)
                WHERE t.ctid = n.place::tid"),
            page: concat!("SELECT ", covers!($name), ", tag, ctid::text FROM ",
                stringify!($name), " WHERE ctid >= $1::text::tid AND ctid < $2::text::tid AND ",
                $tagged),
            untagged: concat!("SELECT ", covers!($name), ", tag, ctid::text FROM ",
                stringify!($name), " WHERE ctid >= $1::text::tid AND ctid < $2::text::tid AND ",
                $tagged, " AND xmin <> pg_current_xact_id()::xid"),
            size: concat!("SELECT pg_relation_size('", stringify!($name),
                "') / current_setting('block_size')::bigint"),
        };
    };
}

table!(ACCOUNTS, accounts, "account", 9 with 3 fixed, where "id = ANY($1)");
table!(DEVICES, devices, "device", 10 with 3 fixed, where "serial = ANY($1)");
table!(TOMBSTONES, tombstones, "tombstone", 3 with 0 fixed, where "serial = ANY($1)");
table!(ALIASES, fingerprint_aliases, "fingerprint alias", 2 with 0 fixed,
    where "alias = ANY(ARRAY(SELECT decode(hex, 'hex') FROM unnest($1::text[]) AS hex))");
table!(IMPORTS, imports, "import", 6 with 0 fixed,
    where "id = ANY(ARRAY(SELECT decode(hex, 'hex') FROM unnest($1::text[]) AS hex))");
table!(STAGED, staged, "staged device", 8 with 0 fixed, where "serial = ANY($1)");
table!(ITEMS, single_use, "single-use item", 6 with 0 fixed, where "id = ANY($1)");
table!(SESSIONS, revoked_sessions, "revoked session", 4 with 0 fixed, where "id = ANY($1)");
table!(MARKS, device_marks, "device mark", 4 with 0 fixed, where "account = ANY($1)");
table!(SIGNING_KEYS, signing_keys, "signing key", 3 with 0 fixed, where "kid = ANY($1)");
table!(API_KEYS, api_keys, "API key", 3 with 0 fixed, where "id = ANY($1)");
table!(VALUES, named_values, "value", 2 with 0 fixed, where "name = ANY($1)");
table!(TIMES, times, "highest time", 2 with 0 fixed,
    where "machine = current_setting('twostep.machine') AND $1::text[] IS NOT NULL");
table!(CONTROL, control, "control row", 4 with 0 fixed, where "name = ANY($1)",
    tagged if "name <> 'went_back'");
table!(IDENTITY, store_identity, "store's identity", 2 with 0 fixed,
    where "$1::text[] IS NOT NULL");

/// The tables whose rows carry tags, with the columns that those cover, for tests.
#[doc(hidden)]
pub fn authenticated() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLES.iter().map(|table| (table.name, table.covers))
}

/// All tables, in the order in which their rows are tagged: a control row covers tags of keys.
pub(super) static TABLES: [&Table; 15] = [
    &ACCOUNTS,
    &DEVICES,
    &TOMBSTONES,
    &ALIASES,
    &IMPORTS,
    &STAGED,
    &ITEMS,
    &SESSIONS,
    &MARKS,
    &SIGNING_KEYS,
    &API_KEYS,
    &VALUES,
    &TIMES,
    &CONTROL,
    &IDENTITY,
];
