-- Every row that decides carries a tag, a MAC under a key of the store, and the sum of all tags is kept sealed. Rows of a
-- store that has no sum were never authenticated: they are, as they are found, when its keys are first given.

ALTER TABLE accounts ADD COLUMN tag BLOB;
ALTER TABLE devices ADD COLUMN tag BLOB;
ALTER TABLE tombstones ADD COLUMN tag BLOB;
ALTER TABLE fingerprint_aliases ADD COLUMN tag BLOB;
ALTER TABLE imports ADD COLUMN tag BLOB;
ALTER TABLE staged ADD COLUMN tag BLOB;
ALTER TABLE single_use ADD COLUMN tag BLOB;
ALTER TABLE revoked_sessions ADD COLUMN tag BLOB;
ALTER TABLE device_marks ADD COLUMN tag BLOB;
ALTER TABLE signing_keys ADD COLUMN tag BLOB;
ALTER TABLE api_keys ADD COLUMN tag BLOB;
ALTER TABLE named_values ADD COLUMN tag BLOB;
ALTER TABLE control ADD COLUMN tag BLOB;

-- Marks of the sets of keys, so that a missing key is missed.
ALTER TABLE control ADD COLUMN signing_keys BLOB;
ALTER TABLE control ADD COLUMN api_keys BLOB;

ALTER TABLE audit_chain ADD COLUMN rows_sum BLOB;
