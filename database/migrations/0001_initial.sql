-- Up Migration
-- Custom key stores, the operations on them, what operations built, and secrets. No table here ever holds a secret in the clear.

CREATE TABLE custom_key_stores (
  id                              text PRIMARY KEY CHECK (id ~ '^cks-[0-9a-f]{17}$'),
  account_id                      text NOT NULL CHECK (account_id ~ '^[0-9]{12}$'),
  name                            text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 256),
  type                            text NOT NULL CHECK (type IN ('AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE')),
  connection_state                text NOT NULL DEFAULT 'DISCONNECTED'
                                  CHECK (connection_state IN ('DISCONNECTED', 'CONNECTING', 'CONNECTED', 'DISCONNECTING', 'FAILED')),
  connection_error_code           text,
  -- counts accepted Connects and Disconnects; fences what is left from before
  generation                      integer NOT NULL DEFAULT 0 CHECK (generation >= 0),
  -- counts every change of the row; compared again before writing after a look at the outside world
  row_version                     integer NOT NULL DEFAULT 1,
  -- milliseconds, as JavaScript keeps them: the page marker compares it exactly
  created_at                      timestamptz(3) NOT NULL DEFAULT now(),
  cloud_hsm_cluster_id            text,
  trust_anchor_certificate        text,
  cluster_certificate_fingerprint text,
  -- keyed hash of kmsuser's password as the caller gave it last (D11); rotation does not touch it
  given_password_hash             bytea,
  CONSTRAINT error_code_only_in_failed CHECK ((connection_state = 'FAILED') = (connection_error_code IS NOT NULL)),
  CONSTRAINT cloudhsm_members CHECK (
    (type = 'AWS_CLOUDHSM') = (cloud_hsm_cluster_id IS NOT NULL)
    AND (type = 'AWS_CLOUDHSM') = (trust_anchor_certificate IS NOT NULL)
    AND (type = 'AWS_CLOUDHSM') = (cluster_certificate_fingerprint IS NOT NULL)
    AND (type = 'AWS_CLOUDHSM') = (given_password_hash IS NOT NULL)
  ),
  CONSTRAINT name_per_account UNIQUE (account_id, name),
  CONSTRAINT cluster_per_account UNIQUE (account_id, cloud_hsm_cluster_id),
  CONSTRAINT related_clusters_per_account UNIQUE (account_id, cluster_certificate_fingerprint)
);
-- Describe without a filter: one page is one range of this index.
CREATE INDEX custom_key_stores_page ON custom_key_stores (account_id, created_at, id);

-- That a store once was: its operations, even if it had none, stay readable.
CREATE TABLE deleted_custom_key_stores (
  id         text PRIMARY KEY,
  account_id text NOT NULL,
  deleted_at timestamptz(3) NOT NULL DEFAULT now()
);

CREATE TABLE operations (
  id                    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- no foreign key: the operations of a deleted store stay readable
  custom_key_store_id   text NOT NULL,
  account_id            text NOT NULL,
  store_name            text NOT NULL,
  store_type            text NOT NULL CHECK (store_type IN ('AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE')),
  kind                  text NOT NULL CHECK (kind IN ('connect', 'disconnect')),
  generation            integer NOT NULL,
  state                 text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'succeeded', 'failed', 'cancelled')),
  connection_error_code text,
  started_at            timestamptz(3) NOT NULL DEFAULT now(),
  finished_at           timestamptz(3),
  -- when nothing of it was left to do, the undo of a failed connect included; until then the reconciler looks after it
  settled_at            timestamptz(3),
  -- last sign of life; the reconciler asks Temporal about operations that have been quiet
  last_seen_at          timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT generation_per_store UNIQUE (custom_key_store_id, generation),
  CONSTRAINT finished_unless_running CHECK ((state = 'running') = (finished_at IS NULL)),
  CONSTRAINT settled_only_when_finished CHECK (settled_at IS NULL OR finished_at IS NOT NULL),
  CONSTRAINT code_only_of_failed CHECK ((state = 'failed') = (connection_error_code IS NOT NULL))
);
CREATE UNIQUE INDEX one_running_operation_per_store ON operations (custom_key_store_id) WHERE state = 'running';
CREATE INDEX operations_unsettled ON operations (last_seen_at) WHERE settled_at IS NULL;
CREATE INDEX operations_running ON operations (id) WHERE state = 'running';

CREATE TABLE operation_steps (
  operation_id       bigint NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
  name               text NOT NULL,
  state              text NOT NULL CHECK (state IN ('running', 'succeeded', 'failed', 'cancelled')),
  attempts           integer NOT NULL DEFAULT 1,
  started_at         timestamptz(3) NOT NULL DEFAULT now(),
  finished_at        timestamptz(3),
  -- time in which the step could try, pauses between attempts included, our own outages left out (spec/kms.md D15)
  spent_ms           integer NOT NULL DEFAULT 0,
  last_failure_code  text,
  message            text,
  PRIMARY KEY (operation_id, name)
);

-- The ledger: what a connect is about to create is written here before the request leaves.
CREATE TABLE provisioned_resources (
  -- the request's idempotency token
  id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  custom_key_store_id text NOT NULL,
  account_id          text NOT NULL,
  generation          integer NOT NULL,
  kind                text NOT NULL CHECK (kind IN ('security-group', 'network-interface')),
  -- what makes it one of its kind in the store: '' for the group, the subnet for an interface
  slot                text NOT NULL,
  -- the request's parameters, to repeat it word for word
  request             jsonb NOT NULL,
  provider_id         text,
  state               text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'created', 'released')),
  planned_at          timestamptz(3) NOT NULL DEFAULT now(),
  released_at         timestamptz(3),
  -- the create was never answered: a late request may still make it, so it is looked for until then
  watch_until         timestamptz(3),
  CONSTRAINT created_has_id CHECK (state <> 'created' OR provider_id IS NOT NULL)
);
CREATE UNIQUE INDEX one_resource_per_slot ON provisioned_resources (custom_key_store_id, kind, slot) WHERE state <> 'released';
CREATE INDEX provisioned_resources_of_store ON provisioned_resources (custom_key_store_id);
CREATE INDEX provisioned_resources_watched ON provisioned_resources (watch_until) WHERE watch_until IS NOT NULL;

CREATE TABLE secrets (
  custom_key_store_id text NOT NULL REFERENCES custom_key_stores (id) ON DELETE CASCADE,
  kind                text NOT NULL CHECK (kind IN ('kmsuser-password', 'hsm-session')),
  slot                text NOT NULL CHECK (slot IN ('current', 'pending')),
  version             integer NOT NULL,
  -- AES-256-GCM under a key that is not in the database; store id and kind are its additional data
  ciphertext          bytea NOT NULL,
  -- of a pending password: it may have reached the cluster
  sent                boolean NOT NULL DEFAULT false,
  PRIMARY KEY (custom_key_store_id, kind, slot)
);

-- A login is written down before it is sent, so that no password is ever tried too often (spec/kms.md D18).
CREATE TABLE login_attempts (
  operation_id   bigint NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
  secret_version integer NOT NULL,
  -- 'login' finds out which password is in force, 'verify' proves one that was just set
  purpose        text NOT NULL CHECK (purpose IN ('login', 'verify')),
  sent           integer NOT NULL DEFAULT 1,
  answer         text CHECK (answer IN ('accepted', 'wrong-password')),
  PRIMARY KEY (operation_id, secret_version, purpose)
);

-- Down Migration
DROP TABLE login_attempts, secrets, provisioned_resources, operation_steps, operations, deleted_custom_key_stores, custom_key_stores;
