import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import type { ConnectionOptions } from '@temporalio/client';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { openCredentials } from '../clients/accounts/credentials-file';
import { createAwsClients } from '../clients/aws/aws-clients';
import type { AwsClientsConfig } from '../clients/aws/aws-clients';
import { openDeclaredClusters } from '../clients/hsm/pkcs11/declared-clusters';
import { openXksProxyClient } from '../clients/xks/open-proxy-client';
import type { ProxyAccess } from '../clients/xks/open-proxy-client';
import { openDatabase } from '../database/database';
import { SecretBox } from '../database/secret-box';
import { openTemporal } from '../temporal/client';
import { buildAdminEndpoint } from './admin/admin-endpoint';
import { openAuditLog } from './audit/audit-log';
import { BackgroundDispatch } from './dispatch-in-background';
import { buildKmsEndpoint } from './kms-endpoint';
import { Markers } from './marker';
import { ApiMetrics } from './metrics';
import { OPERATIONS } from './operations/registry';
import { Throttle } from './throttle';

/** Everything the API process has to be told; nothing is read from the environment here. */
export interface ApiConfig extends ProxyAccess {
  host: string;
  /** 0 picks a free one */
  port: number;
  adminHost: string;
  adminPort: number;
  /** PEM files; plain HTTP without */
  tls?: { certFile: string; keyFile: string };
  region: string;
  databaseUrl: string;
  /** how to reach Temporal, from `@temporalio/envconfig` */
  temporal: ConnectionOptions;
  namespace: string;
  taskQueue: string;
  credentialsFile?: string;
  /** whether the built-in pairs of `dev` are known where there is no file */
  devCredentials: boolean;
  /** 32 bytes */
  masterKey: Buffer;
  simulatorUrl?: string;
  endpoints: AwsClientsConfig['endpoints'];
  /** the file that declares HSMs outside AWS, where those are used */
  pkcs11File?: string;
  throttle: 'off' | 'aws';
  /** custom key stores per account */
  quota: number;
  /** where a line about each call goes; none without */
  auditFile?: string;
  /** a factor on what a call gives the database and others to answer in; for tests on busy machines. Default 1 */
  patience?: number;
  logger: Logger;
}

/** A running API. */
export interface RunningApi {
  /** of the KMS endpoint, with the port that it got */
  url: string;
  adminUrl: string;
  /** Opens the audit log anew, after somebody has moved its file away. */
  reopenAuditLog(): void;
  /** Stops taking requests, answers what came, waits for dispatches under way, closes everything. */
  close(): Promise<void>;
}

/** What the database has to connect in and to answer in, so that a call is answered in the contract's five seconds. */
const DATABASE_LIMITS = { connectMs: 1_500, queryMs: 2_000 };

/** How long `close` waits for requests under way before it cuts their connections. */
const CLOSE_GRACE_MS = 5_000;

/**
 * Starts the KMS endpoint and the admin endpoint. Neither PostgreSQL nor Temporal has to be there: both are met at the
 * first use and again after an outage. Rejects where a port cannot be had, the credentials, TLS or CA files are bad, or the audit log cannot be written.
 */
export async function startApi(config: ApiConfig): Promise<RunningApi> {
  const { logger, region, patience = 1 } = config;
  const audit = config.auditFile === undefined ? undefined : openAuditLog(config.auditFile, logger);
  const tls = config.tls && {
    cert: await readFile(config.tls.certFile),
    key: await readFile(config.tls.keyFile),
  };
  const xks = await openXksProxyClient(config, logger);
  const declaredClusters =
    config.pkcs11File === undefined
      ? undefined
      : await openDeclaredClusters({ file: config.pkcs11File, logger });
  const credentials = await openCredentials({
    ...(config.credentialsFile !== undefined && { file: config.credentialsFile }),
    dev: config.devCredentials,
    logger,
  });
  const database = openDatabase({
    url: config.databaseUrl,
    connectTimeoutMs: patience * DATABASE_LIMITS.connectMs,
    queryTimeoutMs: patience * DATABASE_LIMITS.queryMs,
    onIdleError: (error) => {
      logger.warn({ reason: error.message }, 'a connection to PostgreSQL broke; another one takes its place');
    },
  });
  const temporal = openTemporal({ connection: config.temporal, namespace: config.namespace });
  const aws = createAwsClients({
    region,
    ...(config.simulatorUrl !== undefined && { simulatorUrl: config.simulatorUrl }),
    endpoints: config.endpoints,
    roleArnOf: (accountId) => credentials.roleArnOf(accountId),
    logger,
  });
  const metrics = new ApiMetrics(database);
  const dispatch = new BackgroundDispatch({
    database,
    temporal,
    taskQueue: config.taskQueue,
    metrics,
    logger,
  });
  const kms = buildKmsEndpoint({
    operations: OPERATIONS,
    authentication: { credentials, region, now: Date.now },
    ...(config.throttle === 'aws' && { throttle: new Throttle() }),
    services: {
      database,
      secrets: new SecretBox(config.masterKey),
      aws,
      ...(declaredClusters && { declaredClusters }),
      xks,
      region,
      markers: new Markers(config.masterKey, region),
      quota: config.quota,
      patience,
      dispatch: dispatch.begin,
    },
    ...(audit && { audit }),
    metrics,
    logger,
    ...(tls && { tls }),
  });
  const admin = buildAdminEndpoint({ database, temporal, metrics, logger });

  const close = async (): Promise<void> => {
    await Promise.all([closeGently(kms), closeGently(admin)]);
    await audit?.close();
    await dispatch.idle();
    credentials.close();
    declaredClusters?.close();
    aws.close();
    xks.close();
    await Promise.allSettled([temporal.close(), database.close()]);
  };
  try {
    await kms.listen({ host: config.host, port: config.port });
    await admin.listen({ host: config.adminHost, port: config.adminPort });
  } catch (error) {
    await close();
    throw error;
  }
  const url = addressOf(kms, tls ? 'https' : 'http');
  const adminUrl = addressOf(admin, 'http');
  logger.info({ url, adminUrl, region }, 'API listens');
  return { url, adminUrl, reopenAuditLog: () => audit?.reopen(), close };
}

async function closeGently(app: Pick<FastifyInstance, 'close' | 'server'>): Promise<void> {
  const cut = setTimeout(() => {
    app.server.closeAllConnections();
  }, CLOSE_GRACE_MS);
  // A kept-alive connection that answers its last request now is idle only afterwards.
  const sweep = setInterval(() => {
    app.server.closeIdleConnections();
  }, 50);
  try {
    await app.close();
  } finally {
    clearTimeout(cut);
    clearInterval(sweep);
  }
}

function addressOf(app: { server: { address(): AddressInfo | string | null } }, scheme: string): string {
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `${scheme}://${host}:${address.port}`;
}
