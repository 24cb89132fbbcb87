-- Up Migration
-- Tries are counted by version, and sessions are not tried: one connect may keep the handles of two.
ALTER TABLE secrets DROP CONSTRAINT one_secret_per_version;
CREATE UNIQUE INDEX one_secret_per_version ON secrets (custom_key_store_id, kind, version) WHERE kind <> 'hsm-session';

-- Down Migration
DELETE FROM secrets WHERE kind = 'hsm-session' AND slot = 'pending';
DROP INDEX one_secret_per_version;
ALTER TABLE secrets ADD CONSTRAINT one_secret_per_version UNIQUE (custom_key_store_id, kind, version);
