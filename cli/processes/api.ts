import { dirname } from 'node:path';
import { startApi } from '../../api/server';
import { apiEnvironment } from '../environment';
import type { Environment } from '../environment/environment-error';
import { readTemporal } from '../environment/temporal';
import { checkListenHost } from '../listen-host';
import { makeFolder } from '../make-folder';
import { runProcess } from './run-process';
import { withDatabase } from './with-database';

/** `keymoor api`. */
export async function runApi(environment: Environment, builtInCredentials: boolean): Promise<void> {
  const own = apiEnvironment(environment, builtInCredentials);
  const temporal = readTemporal(environment);
  await checkListenHost(own.host);
  if (own.auditFile !== undefined) makeFolderFor(own.auditFile);
  await runProcess({
    name: 'api',
    logLevel: own.logLevel,
    closeTimeoutMs: 10_000,
    start: (logger) =>
      withDatabase(own, logger, async () => {
        const api = await startApi({
          host: own.host,
          port: own.port,
          adminHost: own.host,
          adminPort: own.adminPort,
          region: own.region,
          databaseUrl: own.databaseUrl,
          temporal: temporal.connection,
          namespace: temporal.namespace,
          taskQueue: own.taskQueue,
          devCredentials: builtInCredentials,
          masterKey: own.masterKey,
          endpoints: own.endpoints,
          throttle: own.throttle,
          quota: own.customKeyStoreQuota,
          logger,
          ...(own.tls === undefined ? {} : { tls: own.tls }),
          ...(own.credentialsFile === undefined ? {} : { credentialsFile: own.credentialsFile }),
          ...(own.simulatorUrl === undefined ? {} : { simulatorUrl: own.simulatorUrl }),
          ...(own.pkcs11File === undefined ? {} : { pkcs11File: own.pkcs11File }),
          ...(own.xksCaFile === undefined ? {} : { xksCaFile: own.xksCaFile }),
          ...(own.xksConnectTo === undefined ? {} : { xksConnectTo: own.xksConnectTo }),
          ...(own.auditFile === undefined ? {} : { auditFile: own.auditFile }),
        });
        // What rotates logs says so.
        process.on('SIGHUP', () => api.reopenAuditLog());
        return api;
      }),
  });
}

/** Why it cannot be made is told by whoever opens the file. */
function makeFolderFor(file: string): void {
  try {
    makeFolder(dirname(file), 0o700);
  } catch {
    // see above
  }
}
