import { randomBytes } from 'node:crypto';
import type { ConnectionState } from '../../../keystore/connection-state';
import type { ExaminedCandidate } from '../../../database/queries/create-store';
import { createStore } from '../../../database/queries/create-store';
import type { VpcEndpointService, XksProxy } from '../../../keystore/custom-key-store';
import { SecretBox } from '../../../database/secret-box';
import { openPatientDatabase } from '../../harness/patient-database';
import type { ApiUnderTest } from './api-under-test';

/** A store that a test has put into the database. */
export interface PlacedStore {
  id: string;
  name: string;
  cloudHsmClusterId: string;
  trustAnchorCertificate: string;
  keyStorePassword: string;
}

const CLUSTER_ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** An id that passes the model's pattern. */
export function newClusterId(): string {
  return `cluster-${[...randomBytes(11)].map((byte) => CLUSTER_ALPHABET[byte % 32] ?? 'a').join('')}`;
}

/** Puts a store into the database, in any state, without the API and without a cluster that exists. */
export async function placeStore(
  under: ApiUnderTest,
  accountId: string,
  options: { name?: string; state?: ConnectionState; clusterId?: string } = {},
): Promise<PlacedStore> {
  const unique = uniqueDigits();
  const store: PlacedStore = {
    id: `cks-${unique}`,
    name: options.name ?? `store-${unique}`,
    cloudHsmClusterId: options.clusterId ?? newClusterId(),
    trustAnchorCertificate: `anchor of ${unique}`,
    keyStorePassword: 'kmsPswd1',
  };
  await place(
    under,
    { ...store, type: 'AWS_CLOUDHSM', accountId, clusterCertificateFingerprint: unique },
    options.state,
  );
  return store;
}

/** An external key store that a test has put into the database. */
export interface PlacedExternalStore {
  id: string;
  name: string;
  xksProxy: XksProxy;
  rawSecretAccessKey: string;
}

/** What a test wants of it otherwise than usual: a public one with a host of its own. */
export interface ExternalStoreOptions extends Partial<Omit<XksProxy, 'vpcEndpointService' | 'connectivity'>> {
  name?: string;
  state?: ConnectionState;
  rawSecretAccessKey?: string;
  /** makes it a VPC store */
  vpcEndpointService?: VpcEndpointService;
}

/** Puts an external key store into the database, in any state, without the API and without a proxy that exists. */
export async function placeExternalStore(
  under: ApiUnderTest,
  accountId: string,
  options: ExternalStoreOptions = {},
): Promise<PlacedExternalStore> {
  const unique = uniqueDigits();
  const { name, state, rawSecretAccessKey, vpcEndpointService, ...given } = options;
  const store: PlacedExternalStore = {
    id: `cks-${unique}`,
    name: name ?? `store-${unique}`,
    xksProxy: {
      uriEndpoint: `https://xks-${unique}.example`,
      uriPath: '/kms/xks/v1',
      accessKeyId: 'ABCDEFGHIJ234567ABCD',
      ...given,
      connectivity: vpcEndpointService ? 'VPC_ENDPOINT_SERVICE' : 'PUBLIC_ENDPOINT',
      ...(vpcEndpointService && { vpcEndpointService }),
    },
    rawSecretAccessKey: rawSecretAccessKey ?? 'S'.repeat(43),
  };
  await place(under, { ...store, type: 'EXTERNAL_KEY_STORE', accountId }, state);
  return store;
}

/** A VPC endpoint service's name that passes the model's pattern and is nobody's. */
export function newServiceName(): string {
  return `com.amazonaws.vpce.us-east-1.vpce-svc-${uniqueDigits()}`;
}

function uniqueDigits(): string {
  return randomBytes(9).toString('hex').slice(0, 17);
}

async function place(
  under: ApiUnderTest,
  candidate: ExaminedCandidate,
  state: ConnectionState | undefined,
): Promise<void> {
  const database = openPatientDatabase({ url: databaseUrl(under), maxConnections: 1 });
  try {
    const outcome = await createStore(database, candidate, 1_000_000, new SecretBox(under.masterKey));
    if (outcome.kind !== 'created') throw new Error(`the store could not be placed: ${outcome.kind}`);
  } finally {
    await database.close();
  }
  if (state !== undefined) await setState(under, candidate.id, state);
}

/** Sets a store's state behind the API's back; FAILED gets a code. */
export async function setState(under: ApiUnderTest, id: string, state: ConnectionState): Promise<void> {
  await under.sql.query(
    `UPDATE custom_key_stores SET connection_state = $2, connection_error_code = $3 WHERE id = $1`,
    [id, state, state === 'FAILED' ? 'USER_NOT_FOUND' : null],
  );
}

/** The whole row. */
export async function rowOf(under: ApiUnderTest, id: string): Promise<Record<string, unknown> | undefined> {
  const { rows } = await under.sql.query<Record<string, unknown>>(
    'SELECT * FROM custom_key_stores WHERE id = $1',
    [id],
  );
  return rows[0];
}

/** The operations of a store, oldest first. */
export async function operationsOf(under: ApiUnderTest, id: string): Promise<Record<string, unknown>[]> {
  const { rows } = await under.sql.query<Record<string, unknown>>(
    'SELECT kind, generation, state FROM operations WHERE custom_key_store_id = $1 ORDER BY id',
    [id],
  );
  return rows;
}

/** Of the database of an API under test. */
export function databaseUrl(under: ApiUnderTest): string {
  const { connectionString } = under.sql.options as { connectionString?: string };
  if (connectionString === undefined) throw new Error('the pool was not opened by a connection string');
  return connectionString;
}
