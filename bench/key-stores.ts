import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import { workflowId } from '../keystore/naming';
import { HttpConnection } from './http-connection';
import { signedRequest } from './signed-request';
import type { Caller } from './signed-request';
import { createCluster, createProxy } from './simulated';
import { atATime } from './statistics';
import type { World } from './world';

/** A key store of an account of its own, and the connection on which it is spoken of. */
export interface KeyStore {
  id: string;
  caller: Caller;
  connection: HttpConnection;
}

const PASSWORD = 'kmsPswd1';
/**
 * A proxy has 250 ms to answer Create, and the simulated one makes its certificate in them. On a busy machine that is
 * too little at times; nothing is measured yet.
 */
const CREATE_TRIES = 10;

/** The kinds of key store, which differ in what a connect has to do. */
export type StoreKind = 'CLOUDHSM' | 'PUBLIC_XKS' | 'VPC_XKS';

/** What Create takes beside a name, for each kind of key store: it makes what the store stands on. */
const MEMBERS: Readonly<Record<StoreKind, (world: World, accountId: string) => Promise<object>>> = {
  CLOUDHSM: async (world, accountId) => {
    const cluster = await createCluster(world, accountId, PASSWORD);
    return {
      CloudHsmClusterId: cluster.ClusterId,
      TrustAnchorCertificate: cluster.TrustAnchorCertificate,
      KeyStorePassword: PASSWORD,
    };
  },
  PUBLIC_XKS: (world, accountId) => externalMembers(world, accountId, 'PUBLIC_ENDPOINT'),
  VPC_XKS: (world, accountId) => externalMembers(world, accountId, 'VPC_ENDPOINT_SERVICE'),
};

async function externalMembers(
  world: World,
  accountId: string,
  connectivity: 'PUBLIC_ENDPOINT' | 'VPC_ENDPOINT_SERVICE',
): Promise<object> {
  const { AccessKeyId, RawSecretAccessKey, XksProxyUriEndpoint, XksProxyUriPath, ...proxy } =
    await createProxy(world, accountId, connectivity);
  return {
    CustomKeyStoreType: 'EXTERNAL_KEY_STORE',
    XksProxyConnectivity: connectivity,
    XksProxyUriEndpoint,
    XksProxyUriPath,
    ...(connectivity === 'VPC_ENDPOINT_SERVICE' && {
      XksProxyVpcEndpointServiceName: proxy.XksProxyVpcEndpointServiceName,
    }),
    XksProxyAuthenticationCredential: { AccessKeyId, RawSecretAccessKey },
  };
}

/**
 * Makes key stores, each with a cluster of its own, or a public proxy on a host of its own, by the ways that a customer
 * has.
 */
export async function createKeyStores(
  world: World,
  url: string,
  count: number,
  kind: StoreKind = 'CLOUDHSM',
): Promise<KeyStore[]> {
  const stores: KeyStore[] = [];
  await atATime(4, count, async () => {
    const caller = { url, accountId: String(randomInt(100_000_000_000, 999_999_999_999)) };
    const members = await MEMBERS[kind](world, caller.accountId);
    const connection = await HttpConnection.open(url);
    const request = await signedRequest(caller, 'CreateCustomKeyStore', {
      CustomKeyStoreName: `bench ${caller.accountId}`,
      ...members,
    });
    stores.push({ id: await created(connection, request), caller, connection });
  });
  return stores;
}

/** Sends a Create until it succeeds. @throws where that cannot be hoped for */
async function created(connection: HttpConnection, request: Buffer): Promise<string> {
  for (let left = CREATE_TRIES; ; left -= 1) {
    const { status, body } = await connection.send(request);
    if (status === 200) return (JSON.parse(body) as { CustomKeyStoreId: string }).CustomKeyStoreId;
    if (left === 1 || !body.includes('XksProxyUriUnreachableException'))
      throw new Error(`CreateCustomKeyStore answered ${status}: ${body}`);
  }
}

/** The store whose turn it is. @throws where there is none */
export function inRotation(stores: readonly KeyStore[], turn: number): KeyStore {
  const store = stores[turn % stores.length];
  if (!store) throw new Error('no key stores');
  return store;
}

/** The same stores by way of another API process. */
export async function reachedAt(stores: readonly KeyStore[], url: string): Promise<KeyStore[]> {
  return Promise.all(
    stores.map(async ({ id, caller, connection }) => {
      connection.close();
      return { id, caller: { ...caller, url }, connection: await HttpConnection.open(url) };
    }),
  );
}

/** As the AWS SDKs: what a fault of ours or an overloaded machine ended is asked again. It is measured all the same. */
const CALL_TRIES = 3;

/** A signed call that must succeed, made before and sent when wanted. */
export async function preparedCall(
  store: KeyStore,
  operation: 'ConnectCustomKeyStore' | 'DisconnectCustomKeyStore',
): Promise<() => Promise<void>> {
  const request = await signedRequest(store.caller, operation, { CustomKeyStoreId: store.id });
  return async () => {
    for (let left = CALL_TRIES; ; left -= 1) {
      const { status, body } = await store.connection.send(request);
      if (status === 200) return;
      if (status !== 500 || left === 1) throw new Error(`${operation} answered ${status}: ${body}`);
    }
  };
}

/** Connects, from asking to CONNECTED. */
export async function connect(world: World, store: KeyStore): Promise<void> {
  const call = await preparedCall(store, 'ConnectCustomKeyStore');
  await call();
  await world.watch.until(store.id, 'CONNECTED');
}

/** Back to DISCONNECTED, with nothing left that runs. */
export async function disconnect(world: World, store: KeyStore): Promise<void> {
  await untilClosed(world, store);
  const call = await preparedCall(store, 'DisconnectCustomKeyStore');
  await call();
  await world.watch.until(store.id, 'DISCONNECTED');
  await untilClosed(world, store);
}

/** Waits until the store's workflow, which is there, has ended. */
export async function untilClosed(world: World, store: KeyStore): Promise<void> {
  await world.temporal.workflow.getHandle(workflowId(store.id)).result();
}

/** Waits until Temporal has the store's workflow running. */
export async function untilStarted(world: World, store: KeyStore): Promise<void> {
  for (;;) {
    try {
      const { status } = await world.temporal.workflow.getHandle(workflowId(store.id)).describe();
      if (status.name === 'RUNNING') return;
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
    await pause(5);
  }
}

/** Takes an accepted connect back that no worker has begun: what is measured is the acceptance alone. */
export async function takeBack(world: World, store: KeyStore): Promise<void> {
  await world.temporal.workflow.getHandle(workflowId(store.id)).terminate();
  await world.database.query(
    `UPDATE operations SET state = 'cancelled', finished_at = now(), settled_at = now()
     WHERE custom_key_store_id = $1 AND settled_at IS NULL`,
    [store.id],
  );
  await world.database.query(
    `UPDATE custom_key_stores SET connection_state = 'DISCONNECTED', row_version = row_version + 1 WHERE id = $1`,
    [store.id],
  );
}
