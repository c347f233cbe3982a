-- The rows of every table carry tags from now on, under a key that the sealing key opens. The first program that has it
-- tags the rows it finds.

-- Programs of earlier schemas would write rows without tags. What they read before each change is now an error that says
-- so, and they decide nothing more.
ALTER TABLE identity RENAME TO store_identity;
CREATE VIEW identity AS
    SELECT id, ('a later version of twostep serves from this store: replace this one'::text)::bigint AS epoch
    FROM store_identity;
GRANT SELECT ON identity TO PUBLIC;

ALTER TABLE store_identity ADD COLUMN tag bytea;
ALTER TABLE times ADD COLUMN tag bytea;

-- Stands for the sets of signing keys and API keys; it moves with the version.
INSERT INTO control (name, value) SELECT 'keys', value FROM control WHERE name = 'version';
