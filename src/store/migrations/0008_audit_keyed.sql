-- Rows of the audit log are authenticated: a row carries a MAC of its hash, and row 1 of the chains a seal over the ends of all of them. A store without
-- a seal was never authenticated: its history is closed, and sealed, when its keys are first given.

ALTER TABLE audit ADD COLUMN mac BLOB;

-- Rows up to this number are from before.
ALTER TABLE audit_chain ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;

ALTER TABLE audit_chain ADD COLUMN seal BLOB;
