-- Which store this is, its epoch and how many transactions it has seen; in the row whose page every transaction writes, so that every
-- write-ahead log of this store holds it.

ALTER TABLE audit_chain ADD COLUMN identity BLOB;
