import { join } from 'node:path';
import { startWorker } from '../../worker/worker';
import { projectFolder, workerEnvironment } from '../environment';
import type { Environment } from '../environment/environment-error';
import { readTemporal } from '../environment/temporal';
import { checkListenHost } from '../listen-host';
import { runProcess } from './run-process';
import { withDatabase } from './with-database';

/** The worker itself gives activities 30 s to end, and drops them after 60 s: this is for what it does not see to. */
const CLOSE_TIMEOUT_MS = 65_000;

/** `keymoor worker`. */
export async function runWorker(environment: Environment, builtInCredentials: boolean): Promise<void> {
  const own = workerEnvironment(environment, builtInCredentials);
  const temporal = readTemporal(environment);
  await checkListenHost(own.host);
  await runProcess({
    name: 'worker',
    logLevel: own.logLevel,
    closeTimeoutMs: CLOSE_TIMEOUT_MS,
    start: (logger) =>
      withDatabase(own, logger, () =>
        startWorker({
          adminHost: own.host,
          adminPort: own.adminPort,
          region: own.region,
          databaseUrl: own.databaseUrl,
          temporal,
          taskQueue: own.taskQueue,
          workflowBundlePath: join(projectFolder(), 'dist', 'workflow-bundle.js'),
          masterKey: own.masterKey,
          endpoints: own.endpoints,
          hsm: own.hsm,
          ...(own.pkcs11File === undefined ? {} : { pkcs11File: own.pkcs11File }),
          ...(own.cloudHsmFolder === undefined ? {} : { cloudHsmFolder: own.cloudHsmFolder }),
          budgetScale: own.budgetScale,
          logger,
          ...(own.deployment === undefined ? {} : { deployment: own.deployment }),
          ...(own.credentialsFile === undefined ? {} : { credentialsFile: own.credentialsFile }),
          ...(own.simulatorUrl === undefined ? {} : { simulatorUrl: own.simulatorUrl }),
          ...(own.xksCaFile === undefined ? {} : { xksCaFile: own.xksCaFile }),
          ...(own.xksConnectTo === undefined ? {} : { xksConnectTo: own.xksConnectTo }),
          ...(own.network === undefined ? {} : { network: own.network }),
        }),
      ),
  });
}
