import { randomBytes, randomInt } from 'node:crypto';
import { KMSClient } from '@aws-sdk/client-kms';
import { Pool } from 'pg';
import pino from 'pino';
import type { ApiConfig, RunningApi } from '../../../api/server';
import { startApi } from '../../../api/server';
import type { TestDatabase } from '../../setup/database';
import { createTestDatabase } from '../../setup/database';
import { testTemporalAddress, uniqueTaskQueue } from '../../setup/temporal';

export const TEST_REGION = 'us-east-1';
/** Nobody listens there: connections are refused at once. */
export const NOBODY = '127.0.0.1:1';
/** For tests in which a proxy answers, and not the time limit is the point: a busy machine may take its time. */
export const PATIENT = { xksTimeoutMs: 2_000 };
/** For tests in which somebody never answers: as in production, where others have some seconds at most. */
export const IMPATIENT = { patience: 1 };

/** A real API on a database of its own, called over the wire. */
export interface ApiUnderTest {
  api: RunningApi;
  /** the same database, for what a test sets up or looks up behind the API's back */
  sql: Pool;
  masterKey: Buffer;
  /** lines of the log, parsed */
  log: Record<string, unknown>[];
  /** the SDK's client of an account; without retries */
  client(accountId: string): KMSClient;
  close(): Promise<void>;
}

/** What a test wants otherwise than usual. */
export interface ApiOverrides extends Partial<Omit<ApiConfig, 'databaseUrl'>> {
  /** where the API finds the database, given where it really is */
  databaseVia?: (url: string) => string | Promise<string>;
  /** as in production: nobody is asked where the simulated proxies are */
  withoutSimulator?: true;
}

/** Starts an API with the built-in pairs of `dev` and the run's Temporal. No simulator unless `overrides` name one. */
export async function startApiUnderTest(overrides: ApiOverrides = {}): Promise<ApiUnderTest> {
  const database: TestDatabase = await createTestDatabase();
  const { databaseVia = (url: string) => url, withoutSimulator, ...config } = overrides;
  const masterKey = randomBytes(32);
  const log: Record<string, unknown>[] = [];
  const logger = pino(
    { level: 'debug' },
    { write: (line) => void log.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const starting = startApi({
    host: '127.0.0.1',
    port: 0,
    adminHost: '127.0.0.1',
    adminPort: 0,
    region: TEST_REGION,
    databaseUrl: await databaseVia(database.url),
    temporal: { address: testTemporalAddress() },
    namespace: 'default',
    taskQueue: uniqueTaskQueue(),
    devCredentials: true,
    masterKey,
    ...(!withoutSimulator && { simulatorUrl: `http://${NOBODY}` }),
    endpoints: {},
    throttle: 'off',
    quota: 10,
    patience: 10,
    logger,
    ...config,
  });
  const api = await starting.catch(async (error: unknown) => {
    await database.drop();
    throw error;
  });
  const sql = new Pool({ connectionString: database.url, max: 2 });
  // The drop of the database may end a connection that is just being closed. Who asks on a broken one is told by the answer.
  sql.on('error', () => undefined);
  const clients = new Map<string, KMSClient>();
  return {
    api,
    sql,
    masterKey,
    log,
    client(accountId) {
      const client = clients.get(accountId) ?? kmsClient(api.url, accountId);
      clients.set(accountId, client);
      return client;
    },
    async close() {
      for (const client of clients.values()) client.destroy();
      await api.close();
      await sql.end();
      await database.drop();
    },
  };
}

/** The SDK's client for one of `dev`'s built-in pairs. */
export function kmsClient(url: string, accountId: string, secretAccessKey = 'test'): KMSClient {
  return new KMSClient({
    endpoint: url,
    region: TEST_REGION,
    credentials: { accessKeyId: accountId, secretAccessKey },
    maxAttempts: 1,
  });
}

/** An account that no other test uses. */
export function newAccount(): string {
  return String(randomInt(100_000_000_000, 281_474_976_710_655)).slice(0, 12);
}
