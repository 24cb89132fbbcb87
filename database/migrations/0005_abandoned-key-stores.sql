-- Up Migration
-- What an operator gave up stays in the ledger, and is in nobody's way: a later connect plans the same slot anew.
ALTER TABLE provisioned_resources DROP CONSTRAINT provisioned_resources_state_check;
ALTER TABLE provisioned_resources
  ADD CONSTRAINT provisioned_resources_state_check CHECK (state IN ('planned', 'created', 'released', 'abandoned')),
  -- stays when it is found and removed later
  ADD COLUMN abandoned_at timestamptz(3),
  ADD CONSTRAINT abandoned_at_some_time CHECK (state <> 'abandoned' OR abandoned_at IS NOT NULL);
DROP INDEX one_resource_per_slot;
CREATE UNIQUE INDEX one_resource_per_slot ON provisioned_resources (custom_key_store_id, kind, slot)
  WHERE state IN ('planned', 'created');

-- Down Migration
UPDATE provisioned_resources SET state = 'released', released_at = abandoned_at WHERE state = 'abandoned';
DROP INDEX one_resource_per_slot;
CREATE UNIQUE INDEX one_resource_per_slot ON provisioned_resources (custom_key_store_id, kind, slot) WHERE state <> 'released';
ALTER TABLE provisioned_resources DROP COLUMN abandoned_at;
ALTER TABLE provisioned_resources DROP CONSTRAINT provisioned_resources_state_check;
ALTER TABLE provisioned_resources
  ADD CONSTRAINT provisioned_resources_state_check CHECK (state IN ('planned', 'created', 'released'));
