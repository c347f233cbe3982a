-- What was revoked, by when: for the list that validators are given.

-- Up to when contexts made with a device are dead; it stays when the device goes.
CREATE TABLE device_marks (
    account        TEXT    NOT NULL,
    serial         TEXT    NOT NULL,
    revoked_before INTEGER NOT NULL,
    PRIMARY KEY (account, serial)
) STRICT, WITHOUT ROWID;

CREATE INDEX device_marks_by_time ON device_marks (revoked_before);

INSERT INTO device_marks (account, serial, revoked_before)
    SELECT account, serial, body ->> 'revoked_before' FROM devices WHERE body ->> 'revoked_before' IS NOT NULL;

CREATE INDEX accounts_by_revocation ON accounts (revoked_before) WHERE revoked_before IS NOT NULL;
