import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import type { Logger } from 'pino';
import type { Dependencies } from '../../activities/dependencies';
import { clusterCertificateFingerprint, describeCluster } from '../../clients/aws/clusters';
import { createAwsClients } from '../../clients/aws/aws-clients';
import { openHsmLogin } from '../../clients/hsm/open-hsm-login';
import { createXksProxyClient } from '../../clients/xks/xks-proxy';
import type { Database } from '../../database/database';
import { acceptConnect, acceptDisconnect } from '../../database/queries/accept-operation';
import { createStore } from '../../database/queries/create-store';
import type { ExaminedCandidate } from '../../database/queries/create-store';
import { loadStore } from '../../database/queries/custom-key-stores';
import { listOperationsOfStore } from '../../database/queries/operations';
import { SecretBox } from '../../database/secret-box';
import type { ConnectionState } from '../../keystore/connection-state';
import type {
  CloudHsmKeyStore,
  CustomKeyStore,
  ExternalKeyStore,
  XksConnectivity,
} from '../../keystore/custom-key-store';
import type { DispatchableOperation, Operation } from '../../keystore/operation';
import { startSimulator } from '../../simulator/server';
import type { RunningSimulator } from '../../simulator/server';
import { openTemporal } from '../../temporal/client';
import type { Temporal, TemporalConfig } from '../../temporal/client';
import { dispatchOperation } from '../../temporal/dispatch';
import { startWorker } from '../../worker/worker';
import type { RunningWorker, WorkerConfig } from '../../worker/worker';
import { candidate, externalCandidate } from '../database/fixtures';
import { createTestDatabase } from '../setup/database';
import type { TestDatabase } from '../setup/database';
import { testTemporalAddress, testWorkflowBundlePath, uniqueTaskQueue } from '../setup/temporal';
import { eventually } from './eventually';
import { openPatientDatabase } from './patient-database';
import { SimulatorControl } from './simulator-control';
import type { SimulatedCluster, SimulatedProxy } from './simulator-control';

/** A store of a fresh account, with the simulated cluster behind it. */
export interface StoreWithCluster {
  store: CloudHsmKeyStore;
  cluster: SimulatedCluster;
}

/** An external key store of a fresh account, with the simulated proxy behind it. */
export interface StoreWithProxy {
  store: ExternalKeyStore;
  proxy: SimulatedProxy;
}

/** Everything that a connect touches, on real parts: database, Temporal, worker, simulator. One per test file. */
export interface ConnectWorld {
  database: Database;
  databaseUrl: string;
  temporal: Temporal;
  temporalConfig: TemporalConfig;
  taskQueue: string;
  secrets: SecretBox;
  simulator: SimulatorControl;
  logger: Logger;
  workerConfig: WorkerConfig;
  worker: RunningWorker;
  aStore(cluster?: Record<string, unknown>, options?: { password?: string }): Promise<StoreWithCluster>;
  anXksStore(connectivity?: XksConnectivity): Promise<StoreWithProxy>;
  /** what steps work with, to run them without a worker */
  dependencies: Dependencies;
  accept(kind: 'connect' | 'disconnect', storeId: string): Promise<DispatchableOperation>;
  dispatch(operation: DispatchableOperation): Promise<void>;
  /** accepts and dispatches */
  connect(storeId: string): Promise<DispatchableOperation>;
  disconnect(storeId: string): Promise<DispatchableOperation>;
  read(storeId: string): Promise<CustomKeyStore>;
  untilState(storeId: string, ...states: ConnectionState[]): Promise<CustomKeyStore>;
  operations(storeId: string): Promise<Operation[]>;
  close(): Promise<void>;
}

export const MASTER_KEY = Buffer.alloc(32, 7);

/** For a proxy's answer: on a busy machine KMS's 250 ms may be over before an answer or a fault shows. */
const PATIENT_XKS_MS = 2_000;

const anAccount = (): string => String(randomInt(100_000_000_000, 999_999_999_999));

/** Starts it. `worker: false` leaves the worker out (start some with `startWorker(world.workerConfig)`). */
export async function startConnectWorld(
  options: {
    pace?: number;
    budgetScale?: number;
    worker?: boolean;
    quietMs?: number;
    /** one that runs already, in a process of its own; closed with the world */
    simulator?: Pick<RunningSimulator, 'url' | 'close'>;
  } = {},
): Promise<ConnectWorld> {
  const stateDir = await mkdtemp(join(tmpdir(), 'keymoor-world-'));
  const logger = pino({ level: process.env['KEYMOOR_TEST_LOG_LEVEL'] ?? 'silent' });
  const testDatabase: TestDatabase = await createTestDatabase();
  const database = openPatientDatabase({ url: testDatabase.url });
  const running =
    options.simulator ??
    (await startSimulator({
      host: '127.0.0.1',
      port: 0,
      stateDir,
      pace: options.pace ?? 0,
      region: 'us-east-1',
      logger,
    }));
  const simulator = new SimulatorControl(running.url);
  const temporalConfig: TemporalConfig = {
    connection: { address: testTemporalAddress() },
    namespace: 'default',
  };
  const temporal = openTemporal(temporalConfig);
  const taskQueue = uniqueTaskQueue();
  const secrets = new SecretBox(MASTER_KEY);
  const workerConfig: WorkerConfig = {
    adminHost: '127.0.0.1',
    adminPort: 0,
    region: 'us-east-1',
    databaseUrl: testDatabase.url,
    temporal: temporalConfig,
    taskQueue,
    workflowBundlePath: testWorkflowBundlePath(),
    masterKey: MASTER_KEY,
    simulatorUrl: running.url,
    endpoints: {},
    hsm: 'simulator',
    budgetScale: options.budgetScale ?? 0.05,
    logger,
    reconciler: { quietMs: options.quietMs ?? 1_000, intervalMs: 200 },
    xksTimeoutMs: PATIENT_XKS_MS,
  };
  const aws = createAwsClients({
    region: 'us-east-1',
    simulatorUrl: running.url,
    endpoints: {},
    roleArnOf: () => undefined,
  });
  const xks = createXksProxyClient({
    region: 'us-east-1',
    simulatorUrl: running.url,
    timeoutMs: PATIENT_XKS_MS,
  });
  const worker = options.worker === false ? undefined : await startWorker(workerConfig);

  const read = async (storeId: string): Promise<CustomKeyStore> => {
    const store = await loadStore(database.pool, storeId);
    if (!store) throw new Error(`no store ${storeId}`);
    return store;
  };
  const create = async (store: ExaminedCandidate): Promise<CustomKeyStore> => {
    const created = await createStore(database, store, 10, secrets);
    if (created.kind !== 'created') throw new Error(created.kind);
    return read(store.id);
  };
  const accept = async (kind: 'connect' | 'disconnect', storeId: string): Promise<DispatchableOperation> => {
    const accepted = await (kind === 'connect' ? acceptConnect : acceptDisconnect)(
      database.pool,
      await read(storeId),
      `request for ${storeId}`,
    );
    if (!accepted) throw new Error(`${kind} of ${storeId} was not accepted`);
    return accepted;
  };
  const dispatch = async (operation: DispatchableOperation): Promise<void> => {
    await dispatchOperation(temporal, operation, { taskQueue, deadlineMs: 10_000 });
  };
  const run = async (kind: 'connect' | 'disconnect', storeId: string): Promise<DispatchableOperation> => {
    const operation = await accept(kind, storeId);
    await dispatch(operation);
    return operation;
  };

  return {
    database,
    databaseUrl: testDatabase.url,
    temporal,
    temporalConfig,
    taskQueue,
    secrets,
    simulator,
    logger,
    workerConfig,
    get worker() {
      if (!worker) throw new Error('this world has no worker of its own');
      return worker;
    },
    async aStore(wanted = {}, { password = 'kmsPswd1' } = {}) {
      const accountId = anAccount();
      const cluster = await simulator.createCluster({ accountId, ...wanted });
      const seen = await describeCluster(aws, accountId, cluster.ClusterId);
      const store = {
        ...candidate({ accountId, cloudHsmClusterId: cluster.ClusterId, keyStorePassword: password }),
        trustAnchorCertificate: cluster.TrustAnchorCertificate,
        clusterCertificateFingerprint: clusterCertificateFingerprint(seen?.clusterCertificate ?? ''),
      };
      return { store: ofType(await create(store), 'AWS_CLOUDHSM'), cluster };
    },
    async anXksStore(connectivity = 'PUBLIC_ENDPOINT') {
      const accountId = anAccount();
      const proxy = await simulator.createProxy({ accountId, connectivity });
      const service = proxy.XksProxyVpcEndpointServiceName;
      const store = externalCandidate({
        accountId,
        xksProxy: {
          connectivity,
          uriEndpoint: proxy.XksProxyUriEndpoint,
          uriPath: proxy.XksProxyUriPath,
          accessKeyId: proxy.AccessKeyId,
          ...(service !== undefined && { vpcEndpointService: { name: service, owner: accountId } }),
        },
        rawSecretAccessKey: proxy.RawSecretAccessKey,
      });
      return { store: ofType(await create(store), 'EXTERNAL_KEY_STORE'), proxy };
    },
    dependencies: {
      database,
      secrets,
      aws,
      hsm: openHsmLogin('simulator', { simulatorUrl: running.url }),
      xks,
      budgetScale: 0.1,
      logger,
    },
    accept,
    dispatch,
    connect: (storeId) => run('connect', storeId),
    disconnect: (storeId) => run('disconnect', storeId),
    read,
    untilState: (storeId, ...states) =>
      eventually(
        () => read(storeId),
        (store) => states.includes(store.connectionState),
      ),
    operations: async (storeId) => (await listOperationsOfStore(database.pool, storeId)) ?? [],
    async close() {
      await worker?.close();
      await temporal.close();
      aws.close();
      xks.close();
      await running.close();
      await database.close();
      await testDatabase.drop();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

function ofType<T extends CustomKeyStore['type']>(
  store: CustomKeyStore,
  type: T,
): Extract<CustomKeyStore, { type: T }> {
  if (store.type !== type) throw new Error(`${store.id} is a store of type ${store.type}`);
  return store as Extract<CustomKeyStore, { type: T }>;
}
