import type { Logger } from 'pino';
import { openCredentials } from '../clients/accounts/credentials-file';
import { createAwsClients } from '../clients/aws/aws-clients';
import type { AwsClients, AwsClientsConfig } from '../clients/aws/aws-clients';
import type { HsmLogin } from '../clients/hsm/hsm-login';
import { openHsmLogin } from '../clients/hsm/open-hsm-login';
import type { HsmKind } from '../clients/hsm/open-hsm-login';
import { openDeclaredClusters } from '../clients/hsm/pkcs11/declared-clusters';
import type { DeclaredClusters } from '../clients/hsm/pkcs11/declared-clusters';

/** How AWS and HSMs are reached. */
export interface OutsideConfig {
  region: string;
  /** absent: no roles to assume, the SDK's default chain for every account */
  credentialsFile?: string;
  simulatorUrl?: string;
  endpoints: AwsClientsConfig['endpoints'];
  hsm: HsmKind;
  /** of `hsm: 'pkcs11'`: the file that declares HSMs outside AWS */
  pkcs11File?: string;
  /** of `hsm: 'cloudhsm'`: the folder of AWS's Client SDK 5; default `/opt/cloudhsm` */
  cloudHsmFolder?: string;
  /** as in HsmLoginOptions, for tests */
  tokenProgramFile?: string;
  logger: Logger;
}

/** AWS and HSMs, as the steps reach them. */
export interface Outside {
  aws: AwsClients;
  hsm: HsmLogin;
  declaredClusters?: DeclaredClusters;
  close(): void;
}

/**
 * Opens the ways to AWS and to HSMs.
 * @throws Error with one line for the operator, where a file or a setting is no good; nothing is left open
 */
export async function openOutside(config: OutsideConfig): Promise<Outside> {
  const { logger, pkcs11File, credentialsFile, simulatorUrl } = config;
  const declaredClusters =
    pkcs11File === undefined ? undefined : await openDeclaredClusters({ file: pkcs11File, logger });
  try {
    const hsm = openHsmLogin(config.hsm, { ...config, ...(declaredClusters && { declaredClusters }) });
    const credentials =
      credentialsFile === undefined
        ? undefined
        : await openCredentials({ file: credentialsFile, dev: false, logger });
    const aws = createAwsClients({
      region: config.region,
      ...(simulatorUrl !== undefined && { simulatorUrl }),
      endpoints: config.endpoints,
      roleArnOf: (accountId) => credentials?.roleArnOf(accountId),
      logger,
    });
    return {
      aws,
      hsm,
      ...(declaredClusters && { declaredClusters }),
      close() {
        aws.close();
        credentials?.close();
        declaredClusters?.close();
      },
    };
  } catch (error) {
    declaredClusters?.close();
    throw error;
  }
}
