-- Up Migration
-- External key stores: where their proxies are, their credentials, what their connects build, and why a probe failed.

ALTER TABLE custom_key_stores
  ADD COLUMN xks_connectivity               text CHECK (xks_connectivity IN ('PUBLIC_ENDPOINT', 'VPC_ENDPOINT_SERVICE')),
  -- as given
  ADD COLUMN xks_uri_endpoint               text,
  -- hosts compare in lower case, with or without a final dot (spec/kms.md D32); 9 = after 'https://'
  ADD COLUMN xks_host                       text GENERATED ALWAYS AS (rtrim(lower(substr(xks_uri_endpoint, 9) COLLATE "C"), '.')) STORED,
  ADD COLUMN xks_uri_path                   text,
  -- not a secret; the secret access key is in "secrets"
  ADD COLUMN xks_access_key_id              text,
  ADD COLUMN xks_vpc_endpoint_service_name  text,
  ADD COLUMN xks_vpc_endpoint_service_owner text,
  ADD CONSTRAINT xks_members CHECK (
    (type = 'EXTERNAL_KEY_STORE') = (xks_connectivity IS NOT NULL)
    AND (type = 'EXTERNAL_KEY_STORE') = (xks_uri_endpoint IS NOT NULL)
    AND (type = 'EXTERNAL_KEY_STORE') = (xks_uri_path IS NOT NULL)
    AND (type = 'EXTERNAL_KEY_STORE') = (xks_access_key_id IS NOT NULL)
  ),
  ADD CONSTRAINT xks_service_members CHECK (
    (xks_connectivity IS NOT DISTINCT FROM 'VPC_ENDPOINT_SERVICE') = (xks_vpc_endpoint_service_name IS NOT NULL)
    AND (xks_vpc_endpoint_service_name IS NULL) = (xks_vpc_endpoint_service_owner IS NULL)
  ),
  ADD CONSTRAINT xks_service_of_one_store UNIQUE (xks_vpc_endpoint_service_name),
  ADD CONSTRAINT xks_uri_per_account UNIQUE (account_id, xks_host, xks_uri_path);
-- An endpoint that stands behind a service is that store's alone, in every account. That a public store does not use it
-- either cannot be said by an index: whoever writes a host holds that host's lock and looks (queries/xks-uniqueness.ts).
CREATE UNIQUE INDEX xks_private_host_of_one_store ON custom_key_stores (xks_host) WHERE xks_connectivity = 'VPC_ENDPOINT_SERVICE';
CREATE INDEX custom_key_stores_xks_host ON custom_key_stores (xks_host) WHERE xks_host IS NOT NULL;

-- What the workflow takes along; the reconciler dispatches from here.
ALTER TABLE operations
  -- of the KMS request that was accepted: the proxy is told it
  ADD COLUMN request_id       text,
  ADD COLUMN xks_connectivity text CHECK (xks_connectivity IN ('PUBLIC_ENDPOINT', 'VPC_ENDPOINT_SERVICE')),
  ADD CONSTRAINT connectivity_of_external_stores CHECK ((store_type = 'EXTERNAL_KEY_STORE') = (xks_connectivity IS NOT NULL));

-- How often a step was refused outside: where a number of tries is the limit, only these count. An attempt that a failure
-- of our own ended (the database away, a lost worker, a wrong master key) costs nothing (spec/kms.md D15).
ALTER TABLE operation_steps ADD COLUMN failures integer NOT NULL DEFAULT 0;

ALTER TABLE provisioned_resources DROP CONSTRAINT provisioned_resources_kind_check;
ALTER TABLE provisioned_resources ADD CONSTRAINT provisioned_resources_kind_check
  CHECK (kind IN ('security-group', 'network-interface', 'vpc-endpoint', 'hosted-zone'));

ALTER TABLE secrets DROP CONSTRAINT secrets_kind_check;
ALTER TABLE secrets ADD CONSTRAINT secrets_kind_check
  CHECK (kind IN ('kmsuser-password', 'hsm-session', 'xks-credential'));

-- Why a synchronous Create or Update of an external key store failed: there is no store yet to look at. Kept for a day.
CREATE TABLE failed_probes (
  request_id text PRIMARY KEY,
  at         timestamptz(3) NOT NULL DEFAULT now(),
  account_id text NOT NULL,
  outcome    text NOT NULL,
  message    text NOT NULL
);
CREATE INDEX failed_probes_by_age ON failed_probes (at);

-- Down Migration
DROP TABLE failed_probes;
ALTER TABLE operation_steps DROP COLUMN failures;
DELETE FROM operations WHERE store_type = 'EXTERNAL_KEY_STORE';
ALTER TABLE operations DROP COLUMN xks_connectivity, DROP COLUMN request_id;
DELETE FROM custom_key_stores WHERE type = 'EXTERNAL_KEY_STORE';
DELETE FROM secrets WHERE kind = 'xks-credential';
DELETE FROM provisioned_resources WHERE kind IN ('vpc-endpoint', 'hosted-zone');
ALTER TABLE secrets DROP CONSTRAINT secrets_kind_check;
ALTER TABLE secrets ADD CONSTRAINT secrets_kind_check CHECK (kind IN ('kmsuser-password', 'hsm-session'));
ALTER TABLE provisioned_resources DROP CONSTRAINT provisioned_resources_kind_check;
ALTER TABLE provisioned_resources ADD CONSTRAINT provisioned_resources_kind_check CHECK (kind IN ('security-group', 'network-interface'));
ALTER TABLE custom_key_stores DROP COLUMN xks_host;
ALTER TABLE custom_key_stores
  DROP COLUMN xks_connectivity, DROP COLUMN xks_uri_endpoint, DROP COLUMN xks_uri_path, DROP COLUMN xks_access_key_id,
  DROP COLUMN xks_vpc_endpoint_service_name, DROP COLUMN xks_vpc_endpoint_service_owner;
