-- Devices in stock: of no account, which is an empty name.

ALTER TABLE devices DROP CONSTRAINT devices_account_fkey;
ALTER TABLE devices DROP CONSTRAINT devices_state_check;
ALTER TABLE devices ADD CONSTRAINT devices_state_check
    CHECK (state IN ('unassigned', 'pending', 'active', 'disabled', 'locked')) NOT VALID;
ALTER TABLE devices ADD CONSTRAINT devices_owner_check CHECK ((account = '') = (state = 'unassigned')) NOT VALID;

-- Serial numbers that differ in capitals alone look the same to people.
CREATE INDEX devices_by_folded_serial ON devices (lower(serial));
