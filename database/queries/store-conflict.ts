import { violatedConstraint } from '../database';

/** What keeps a store from being written: another store has what must be one store's alone (D5, D32). */
export type StoreConflict =
  | 'name-in-use'
  | 'cluster-in-use'
  /** endpoint and path, in the account */
  | 'xks-uri-in-use'
  /** the host, across the kinds of connectivity and across accounts */
  | 'xks-endpoint-in-use'
  | 'xks-service-in-use';

const CONFLICT_OF_CONSTRAINT: Readonly<Record<string, StoreConflict>> = {
  name_per_account: 'name-in-use',
  cluster_per_account: 'cluster-in-use',
  related_clusters_per_account: 'cluster-in-use',
  xks_uri_per_account: 'xks-uri-in-use',
  xks_private_host_of_one_store: 'xks-endpoint-in-use',
  xks_service_of_one_store: 'xks-service-in-use',
};

/** The conflict that a failed write tells of, or undefined. */
export function conflictOf(error: unknown): StoreConflict | undefined {
  const constraint = violatedConstraint(error);
  return constraint === undefined ? undefined : CONFLICT_OF_CONSTRAINT[constraint];
}
