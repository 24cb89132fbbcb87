import { randomBytes } from 'node:crypto';
import type { Database } from '../../database/database';
import { acceptConnect, acceptDisconnect } from '../../database/queries/accept-operation';
import { createStore } from '../../database/queries/create-store';
import type { CloudHsmCandidate, ExternalCandidate } from '../../database/queries/create-store';
import { loadStore } from '../../database/queries/custom-key-stores';
import { SecretBox } from '../../database/secret-box';
import type { CustomKeyStore, XksProxy } from '../../keystore/custom-key-store';
import type { DispatchableOperation } from '../../keystore/operation';
import { openPatientDatabase } from '../harness/patient-database';
import { createTestDatabase } from '../setup/database';
import type { TestDatabase } from '../setup/database';

/** A migrated database of the test file's own, open from its first test to its last. */
export function useTestDatabase(): { database: Database } {
  let testDatabase: TestDatabase;
  const used: { database?: Database } = {};
  beforeAll(async () => {
    testDatabase = await createTestDatabase();
    used.database = openPatientDatabase({ url: testDatabase.url });
  });
  afterAll(async () => {
    await used.database?.close();
    await testDatabase.drop();
  });
  return {
    get database() {
      if (!used.database) throw new Error('the database is open in tests only');
      return used.database;
    },
  };
}

export const MASTER_KEY = Buffer.alloc(32, 7);
export const secrets = new SecretBox(MASTER_KEY);
export const ACCOUNT = '111122223333';

const hex = (digits: number): string => randomBytes(digits).toString('hex').slice(0, digits);

/** What Create would be asked for; every one different. */
export function candidate(
  changes: Partial<CloudHsmCandidate> = {},
): CloudHsmCandidate & { clusterCertificateFingerprint: string } {
  return {
    type: 'AWS_CLOUDHSM',
    id: `cks-${hex(17)}`,
    accountId: ACCOUNT,
    name: `store ${hex(8)}`,
    cloudHsmClusterId: `cluster-${[...randomBytes(11)].map((byte) => 'abcdefghij234567'[byte % 16]).join('')}`,
    trustAnchorCertificate: 'PEM',
    keyStorePassword: 'kmsPswd1',
    clusterCertificateFingerprint: hex(64),
    ...changes,
  };
}

/** What Create of an external key store would be asked for; every one different. */
export function externalCandidate(changes: Partial<ExternalCandidate> = {}): ExternalCandidate {
  return {
    type: 'EXTERNAL_KEY_STORE',
    id: `cks-${hex(17)}`,
    accountId: ACCOUNT,
    name: `store ${hex(8)}`,
    xksProxy: publicProxy(),
    rawSecretAccessKey: `secret/${hex(40)}`,
    ...changes,
  };
}

/** A proxy with a public endpoint of its own. */
export function publicProxy(changes: Partial<XksProxy> = {}): XksProxy {
  return {
    connectivity: 'PUBLIC_ENDPOINT',
    uriEndpoint: `https://xks-${hex(10)}.example.com`,
    uriPath: '/kms/xks/v1',
    accessKeyId: 'ABCDEFGHIJKLMNOPQRST',
    ...changes,
  };
}

/** A proxy behind a VPC endpoint service of its own. */
export function privateProxy(changes: Partial<XksProxy> = {}): XksProxy {
  return publicProxy({
    connectivity: 'VPC_ENDPOINT_SERVICE',
    vpcEndpointService: { name: `com.amazonaws.vpce.us-east-1.vpce-svc-${hex(17)}`, owner: ACCOUNT },
    ...changes,
  });
}

/** A DISCONNECTED CloudHSM key store. */
export async function aStore(
  database: Database,
  changes: Partial<CloudHsmCandidate> = {},
): Promise<CustomKeyStore> {
  const wanted = candidate(changes);
  const verdict = await createStore(database, wanted, 1_000_000, secrets);
  if (verdict.kind !== 'created') throw new Error(`not created: ${verdict.kind}`);
  return read(database, wanted.id);
}

/** A DISCONNECTED external key store. */
export async function anExternalStore(
  database: Database,
  changes: Partial<ExternalCandidate> = {},
): Promise<CustomKeyStore> {
  const wanted = externalCandidate(changes);
  const verdict = await createStore(database, wanted, 1_000_000, secrets);
  if (verdict.kind !== 'created') throw new Error(`not created: ${verdict.kind}`);
  return read(database, wanted.id);
}

export async function read(database: Database, id: string): Promise<CustomKeyStore> {
  const store = await loadStore(database.pool, id);
  if (!store) throw new Error(`no store ${id}`);
  return store;
}

export async function connecting(database: Database, store: CustomKeyStore): Promise<DispatchableOperation> {
  const accepted = await acceptConnect(database.pool, store);
  if (!accepted) throw new Error('not accepted');
  return accepted;
}

export async function disconnecting(database: Database, storeId: string): Promise<DispatchableOperation> {
  const accepted = await acceptDisconnect(database.pool, await read(database, storeId));
  if (!accepted) throw new Error('not accepted');
  return accepted;
}
