//! The tables whose rows decide, and what their tags cover.
//!
//! A tag is a MAC over the table, the place of the row in it, its version and all columns. Triggers
//! of the connection that writes keep the tags, so that no statement can forget one; a
//! statement may bring a new tag itself.

/// The arguments of `row_moved` and `row_intact` behind the tag, for a row of this table: the kind
/// of row, its place, its version (a number that only rises, or NULL), and all other columns.
macro_rules! row {
    // The devices are read for a store that has tags alone.
    (accounts) => {
        "'account', id, revision, generation, revoked_before, removed, devices, active, body, \
         CASE WHEN row_keyed() THEN (SELECT group_concat(serial || ' ' || state, ' ') FROM \
         (SELECT serial, state FROM devices WHERE account = id ORDER BY serial)) END"
    };
    (devices) => {
        row!(devices, "revision", "body")
    };
    // A device whose revision and body are about to become these.
    (devices, $revision:literal, $body:literal) => {
        concat!(
            "'device', serial, ",
            $revision,
            ", account, state, kind, created_at, ",
            $body,
            ", seed, seed_key, fingerprint"
        )
    };
    (tombstones) => {
        "'tombstone', number, NULL, serial, fingerprint, body"
    };
    (fingerprint_aliases) => {
        "'fingerprint alias', alias, NULL, fingerprint"
    };
    (imports) => {
        "'import', number, NULL, id, state, chain, staged_at, devices"
    };
    (staged) => {
        "'staged device', serial, revision, import, account, body, seed, seed_key, fingerprint"
    };
    (single_use) => {
        "'single-use item', id, consumed, number, account, kind, body, expires_at"
    };
    (revoked_sessions) => {
        "'revoked session', id, expires_at, account, revoked_at"
    };
    (device_marks) => {
        "'device mark', account || ' ' || serial, (generation << 32) + revoked_before, account, \
         serial, generation, revoked_before"
    };
    (signing_keys) => {
        "'signing key', kid, NULL, number, created_at, body"
    };
    (api_keys) => {
        "'API key', id, NULL, number, created_at, body"
    };
    (named_values) => {
        "'value', name, NULL, value"
    };
    (control) => {
        "'control row', id, version + revision_floor, version, revision_floor, highest_time, \
         signing_keys, api_keys"
    };
}

/// Tells whether a row of this table is as twostep left it: 1, 0 if it was changed, 2 if it went
/// back.
macro_rules! intact {
    ($table:ident) => {
        concat!("row_intact(tag, ", row!($table), ")")
    };
}

/// The tags of all rows of a table of keys, in one text.
macro_rules! tags_of {
    ($table:ident) => {
        concat!(
            "(SELECT group_concat(hex(tag), ' ' ORDER BY number) FROM ",
            stringify!($table),
            ")"
        )
    };
}

pub(super) use {intact, row, tags_of};

/// A table whose rows carry tags.
#[derive(Clone, Copy)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// The kind of row, as messages name it.
    pub(super) kind: &'static str,
    /// The column that messages name a row by.
    pub(super) place: &'static str,
    /// The triggers that keep the tags of one connection.
    pub(super) triggers: &'static str,
    /// The columns and what else a tag covers.
    pub(super) covers: &'static str,
}

impl Table {
    /// All rows: the place, the verdict on the tag, the tag.
    pub(super) fn all(&self) -> String {
        let Table { name, place, covers, .. } = self;
        format!("SELECT {place}, row_intact(tag, {covers}), tag FROM {name}")
    }

    /// Gives every row a tag.
    pub(super) fn adopt(&self) -> String {
        let Table { name, covers, .. } = self;
        format!("UPDATE {name} SET tag = row_moved(NULL, {covers})")
    }

    /// Tags the rows of a table anew whose rows changed since.
    pub(super) fn follow(&self) -> String {
        let Table { name, covers, .. } = self;
        format!("UPDATE {name} SET tag = row_moved(tag, {covers})")
    }
}

macro_rules! tables {
    ($($name:ident: $kind:literal, place $place:literal, row $key:literal
        $(, $vetted:ident)? $(, set $set:ident)? $(, of $columns:literal)?;)*) => {
        &[$(Table {
            name: stringify!($name),
            kind: $kind,
            place: $place,
            triggers: concat!(
                "CREATE TEMP TRIGGER ", stringify!($name), "_added AFTER INSERT ON main.",
                stringify!($name), " WHEN row_keyed() BEGIN UPDATE ", stringify!($name),
                " SET tag = row_moved(NULL, ", row!($name), ") WHERE ", $key, "; ",
                $(set_changed!($set),)? "END;
                ", $(vetted!($name, $key, $vetted),)? "
                CREATE TEMP TRIGGER ", stringify!($name), "_changed AFTER UPDATE ON main.",
                stringify!($name), " WHEN row_keyed() AND new.tag IS old.tag BEGIN UPDATE ",
                stringify!($name), " SET tag = row_moved(tag, ", row!($name), ") WHERE ",
                $key, "; ",
                $(set_changed!($set),)? "END;
                CREATE TEMP TRIGGER ", stringify!($name), "_gone AFTER DELETE ON main.",
                stringify!($name), " WHEN row_keyed() BEGIN SELECT row_gone(old.tag, '", $kind,
                "', old.", $place, "); ", $(set_changed!($set),)? "END;"
            ),
            covers: row!($name),
        }),*]
    };
}

/// Refuses to tag a row anew that is not as twostep left it: its other columns would count as
/// twostep's own. A statement that brings the tag itself has looked.
macro_rules! vetted {
    ($table:ident, $key:literal, vetted $(, $columns:literal)?) => {
        concat!(
            "CREATE TEMP TRIGGER ",
            stringify!($table),
            "_vetted BEFORE UPDATE ",
            $($columns,)?
            " ON main.",
            stringify!($table),
            " WHEN row_keyed() AND new.tag IS old.tag BEGIN SELECT RAISE(ABORT, \
             'a row was changed by another program') FROM ",
            stringify!($table),
            " WHERE ",
            $key,
            " AND ",
            intact!($table),
            " <> 1; END;"
        )
    };
}

/// Marks the set of keys in the control row, so that a key that is missing, or was put back, does
/// not fit it.
macro_rules! set_changed {
    ($table:ident) => {
        concat!(
            "UPDATE control SET ",
            stringify!($table),
            " = set_mark('",
            stringify!($table),
            "', ",
            tags_of!($table),
            ") WHERE id = 1; "
        )
    };
}

/// The tables, in the order in which a store is adopted: the control row is last, since it covers
/// the sets of keys. An account is looked at before its devices move: its tag covers their states.
/// A statement that changes the body of a device alone brings its tag: triggers, even those that do
/// nothing, make SQLite copy each page that the statement changes.
pub(super) const TABLES: &[Table] = tables! {
    accounts: "account", place "id", row "rowid = new.rowid";
    devices: "device", place "serial", row "number = new.number", vetted,
        of "OF serial, account, state, kind, created_at, seed, seed_key, fingerprint";
    tombstones: "tombstone", place "number", row "number = new.number", vetted;
    fingerprint_aliases: "fingerprint alias", place "alias",
        row "alias = new.alias AND fingerprint = new.fingerprint", vetted;
    imports: "import", place "number", row "number = new.number", vetted;
    staged: "staged device", place "serial", row "number = new.number", vetted;
    single_use: "single-use item", place "id", row "number = new.number", vetted;
    revoked_sessions: "revoked session", place "id", row "id = new.id", vetted;
    device_marks: "device mark", place "serial",
        row "account = new.account AND serial = new.serial", vetted;
    signing_keys: "signing key", place "kid", row "number = new.number", vetted, set signing_keys;
    api_keys: "API key", place "id", row "number = new.number", vetted, set api_keys;
    named_values: "value", place "name", row "name = new.name", vetted;
    control: "control row", place "id", row "id = new.id", vetted;
};

/// The table whose row covers the sets of keys.
pub(super) const CONTROL: &str = "control";

/// Marks the sets of keys of a store that is adopted.
pub(super) const ADOPT_SETS: &str = concat!(set_changed!(signing_keys), set_changed!(api_keys));
