import type { AwsClients } from '../clients/aws/aws-clients';
import type { DeclaredClusters } from '../clients/hsm/pkcs11/declared-clusters';
import type { XksProxyClient } from '../clients/xks/xks-proxy';
import type { Database } from '../database/database';
import type { SecretBox } from '../database/secret-box';
import type { DispatchableOperation } from '../keystore/operation';
import type { Markers } from './marker';

/** What operations work with. */
export interface Services {
  database: Database;
  secrets: SecretBox;
  aws: AwsClients;
  /** where clusters are, if not in AWS (`KEYMOOR_HSM=pkcs11`) */
  declaredClusters?: DeclaredClusters;
  xks: XksProxyClient;
  /** that this deployment answers for */
  region: string;
  markers: Markers;
  /** custom key stores per account (D25) */
  quota: number;
  /** a factor on what a call gives others to answer in; 1 but for tests on busy machines */
  patience: number;
  /**
   * Hands an accepted operation to Temporal, in the background and with a deadline. The answer never waits for it:
   * the operation's row is the outbox, and the reconciler sees to what gets lost here.
   */
  dispatch: (operation: DispatchableOperation) => void;
}
