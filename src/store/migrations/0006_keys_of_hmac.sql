-- Further fingerprints of secrets: HMAC makes one key of several secrets, and several keys of one.

CREATE TABLE fingerprint_aliases (
    alias       BLOB NOT NULL,
    -- Of a device, staged, in use or removed.
    fingerprint BLOB NOT NULL,
    PRIMARY KEY (alias, fingerprint)
) STRICT, WITHOUT ROWID;

CREATE INDEX fingerprint_aliases_of ON fingerprint_aliases (fingerprint, alias);
