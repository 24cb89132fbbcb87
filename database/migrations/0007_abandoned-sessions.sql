-- Up Migration
-- A session of kmsuser that was open when its store was abandoned is in the list of what stayed behind, under the id of its cluster.
ALTER TABLE provisioned_resources DROP CONSTRAINT provisioned_resources_kind_check;
ALTER TABLE provisioned_resources ADD CONSTRAINT provisioned_resources_kind_check
  CHECK (kind IN ('security-group', 'network-interface', 'vpc-endpoint', 'hosted-zone', 'hsm-session'));

-- Down Migration
DELETE FROM provisioned_resources WHERE kind = 'hsm-session';
ALTER TABLE provisioned_resources DROP CONSTRAINT provisioned_resources_kind_check;
ALTER TABLE provisioned_resources ADD CONSTRAINT provisioned_resources_kind_check
  CHECK (kind IN ('security-group', 'network-interface', 'vpc-endpoint', 'hosted-zone'));
