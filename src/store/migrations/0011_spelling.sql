-- Imports that are under way at the same time: no two stage serial numbers that differ in capitals alone.

CREATE INDEX staged_by_folded_serial ON staged (lower(serial));
