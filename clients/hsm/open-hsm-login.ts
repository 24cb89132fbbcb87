import { createCloudHsmLogin } from './cloudhsm/cloudhsm';
import type { HsmLogin } from './hsm-login';
import type { DeclaredClusters } from './pkcs11/declared-clusters';
import { createPkcs11HsmLogin } from './pkcs11/pkcs11';
import { createSimulatorHsmLogin } from './simulator';

/** Values of `KEYMOOR_HSM`. */
export type HsmKind = 'simulator' | 'pkcs11' | 'cloudhsm';

/** What a way to HSMs is opened with. */
export interface HsmLoginOptions {
  /** of `simulator` */
  simulatorUrl?: string;
  /** of `pkcs11` */
  declaredClusters?: DeclaredClusters;
  /** of `cloudhsm`: the folder of AWS's Client SDK 5; default `/opt/cloudhsm` */
  cloudHsmFolder?: string;
  /** the compiled program that loads PKCS#11 libraries; default: the one beside the compiled `pkcs11/token.ts` */
  tokenProgramFile?: string;
  /** milliseconds per connect and per request, where a call does not say otherwise; default: that of each way */
  timeoutMs?: number;
}

const CLIENT_SDK_FOLDER = '/opt/cloudhsm';

/**
 * The way to log in to HSMs that was asked for.
 * @throws Error with one line for the operator, where it lacks what it needs
 */
export function openHsmLogin(kind: HsmKind, options: HsmLoginOptions): HsmLogin {
  const { simulatorUrl, declaredClusters, cloudHsmFolder, tokenProgramFile, timeoutMs } = options;
  const common = {
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(tokenProgramFile !== undefined && { programFile: tokenProgramFile }),
  };
  switch (kind) {
    case 'simulator':
      if (simulatorUrl === undefined)
        throw new Error(
          'KEYMOOR_HSM=simulator needs KEYMOOR_SIMULATOR_URL, for example http://127.0.0.1:4582',
        );
      return createSimulatorHsmLogin({ simulatorUrl, ...(timeoutMs !== undefined && { timeoutMs }) });
    case 'pkcs11':
      if (declaredClusters === undefined)
        throw new Error('KEYMOOR_HSM=pkcs11 needs KEYMOOR_PKCS11_FILE, for example /etc/keymoor/pkcs11.json');
      return createPkcs11HsmLogin({ declared: declaredClusters, ...common });
    case 'cloudhsm':
      return createCloudHsmLogin({ folder: cloudHsmFolder ?? CLIENT_SDK_FOLDER, ...common });
  }
}
