-- Rises with every revocation, so that lists of revocations have an order that no clock makes. It begins anywhere: lists are
-- public, and tell no one how much was ever revoked.
INSERT INTO control (name, value) VALUES ('revocations', floor(random() * 1000000000000)::bigint);
