-- Revocations by account: an account with too many is revoked as a whole.

-- The account of a single context and the time of its revocation; neither is known of older rows.
ALTER TABLE revoked_sessions ADD COLUMN account TEXT;
ALTER TABLE revoked_sessions ADD COLUMN revoked_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX revoked_sessions_by_account ON revoked_sessions (account) WHERE account IS NOT NULL;

-- The generation of the device below which contexts are dead.
ALTER TABLE device_marks ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
