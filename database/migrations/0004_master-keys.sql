-- Up Migration
-- The one master key that secrets are sealed with, known by a fingerprint: a process with another one is refused by the
-- foreign key, whatever it believes. One row, or none before the first process with a key has been here.
CREATE TABLE master_keys (
  key_id          text PRIMARY KEY CHECK (key_id ~ '^[0-9a-f]{32}$'),
  -- the key of given_password_hash, sealed: a hash cannot be computed anew, so its key outlives the master keys
  sealed_hash_key bytea NOT NULL,
  created_at      timestamptz(3) NOT NULL DEFAULT now(),
  singleton       boolean NOT NULL DEFAULT true CONSTRAINT one_master_key UNIQUE CHECK (singleton)
);

-- NULL: written before this migration, or by a process of the version before; it opens with the key in force. A rotation
-- replaces the row above and every secret in one transaction, and only at its end must they fit: hence deferrable.
ALTER TABLE secrets ADD COLUMN key_id text
  CONSTRAINT sealed_with_key_in_force REFERENCES master_keys (key_id) DEFERRABLE INITIALLY IMMEDIATE;

-- Down Migration
-- After a rotation the passwords as given (D11) are no longer recognised.
ALTER TABLE secrets DROP COLUMN key_id;
DROP TABLE master_keys;
