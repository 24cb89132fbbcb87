-- Up Migration
-- A change of password that carries the current one is a try like a login: a wrong one counts towards the lock.
ALTER TABLE login_attempts DROP CONSTRAINT login_attempts_purpose_check;
ALTER TABLE login_attempts ADD CONSTRAINT login_attempts_purpose_check CHECK (purpose IN ('login', 'change', 'verify'));

-- Tries are counted by version: two passwords of one version would be taken for each other.
UPDATE secrets p SET version = p.version + 1 FROM secrets c
  WHERE p.custom_key_store_id = c.custom_key_store_id AND p.kind = c.kind AND p.version = c.version
    AND p.slot = 'pending' AND c.slot = 'current';
ALTER TABLE secrets ADD CONSTRAINT one_secret_per_version UNIQUE (custom_key_store_id, kind, version);

-- Down Migration
ALTER TABLE secrets DROP CONSTRAINT one_secret_per_version;
DELETE FROM login_attempts WHERE purpose = 'change';
ALTER TABLE login_attempts DROP CONSTRAINT login_attempts_purpose_check;
ALTER TABLE login_attempts ADD CONSTRAINT login_attempts_purpose_check CHECK (purpose IN ('login', 'verify'));
