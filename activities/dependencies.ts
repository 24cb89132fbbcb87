import type { Logger } from 'pino';
import type { AwsClients } from '../clients/aws/aws-clients';
import type { Network } from '../clients/aws/default-network';
import type { HsmLogin } from '../clients/hsm/hsm-login';
import type { DeclaredClusters } from '../clients/hsm/pkcs11/declared-clusters';
import type { XksProxyClient } from '../clients/xks/xks-proxy';
import type { Database } from '../database/database';
import type { StepName } from '../keystore/steps';
import type { SecretBox } from '../database/secret-box';

/** What the steps work with; made once per worker. */
export interface Dependencies {
  database: Database;
  secrets: SecretBox;
  aws: AwsClients;
  hsm: HsmLogin;
  /** where clusters are, if not in AWS (`KEYMOOR_HSM=pkcs11`) */
  declaredClusters?: DeclaredClusters;
  xks: XksProxyClient;
  /** where interface endpoints and private hosted zones go; none: the simulated account's own VPC */
  network?: Network;
  /** `KEYMOOR_BUDGET_SCALE`: multiplies budgets and the pauses between attempts */
  budgetScale: number;
  logger: Logger;
  /** told of every attempt that ended, for metrics: how, and after how many seconds */
  onStepEnd?: (
    step: StepName,
    end: 'succeeded' | 'retry' | 'failed' | 'cancelled' | 'interrupted',
    seconds: number,
  ) => void;
}
