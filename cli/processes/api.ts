import { startApi } from '../../api/server';
import { apiEnvironment } from '../environment';
import type { Environment } from '../environment/environment-error';
import { readTemporal } from '../environment/temporal';
import { checkListenHost } from '../listen-host';
import { runProcess } from './run-process';
import { withDatabase } from './with-database';

/** `keymoor api`. */
export async function runApi(environment: Environment, builtInCredentials: boolean): Promise<void> {
  const own = apiEnvironment(environment, builtInCredentials);
  const temporal = readTemporal(environment);
  await checkListenHost(own.host);
  await runProcess({
    name: 'api',
    logLevel: own.logLevel,
    closeTimeoutMs: 10_000,
    start: (logger) =>
      withDatabase(own, logger, () =>
        startApi({
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
        }),
      ),
  });
}
