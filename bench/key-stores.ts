import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import { workflowId } from '../keystore/naming';
import { HttpConnection } from './http-connection';
import { signedRequest } from './signed-request';
import type { Caller } from './signed-request';
import { atATime } from './statistics';
import type { World } from './world';

/** A key store of an account of its own, and the connection on which it is spoken of. */
export interface KeyStore {
  id: string;
  caller: Caller;
  connection: HttpConnection;
}

const PASSWORD = 'kmsPswd1';

/** Makes key stores, each with a cluster, by the ways that a customer has. */
export async function createKeyStores(world: World, url: string, count: number): Promise<KeyStore[]> {
  const stores: KeyStore[] = [];
  await atATime(4, count, async () => {
    const caller = { url, accountId: String(randomInt(100_000_000_000, 999_999_999_999)) };
    const cluster = await createCluster(world, caller.accountId);
    const connection = await HttpConnection.open(url);
    const answer = await connection.send(
      await signedRequest(caller, 'CreateCustomKeyStore', {
        CustomKeyStoreName: `bench ${caller.accountId}`,
        CloudHsmClusterId: cluster.ClusterId,
        TrustAnchorCertificate: cluster.TrustAnchorCertificate,
        KeyStorePassword: PASSWORD,
      }),
    );
    if (answer.status !== 200)
      throw new Error(`CreateCustomKeyStore answered ${answer.status}: ${answer.body}`);
    const { CustomKeyStoreId } = JSON.parse(answer.body) as { CustomKeyStoreId: string };
    stores.push({ id: CustomKeyStoreId, caller, connection });
  });
  return stores;
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

/** A signed call that must succeed, made before and sent when wanted. */
export async function preparedCall(
  store: KeyStore,
  operation: 'ConnectCustomKeyStore' | 'DisconnectCustomKeyStore',
): Promise<() => Promise<void>> {
  const request = await signedRequest(store.caller, operation, { CustomKeyStoreId: store.id });
  return async () => {
    const { status, body } = await store.connection.send(request);
    if (status !== 200) throw new Error(`${operation} answered ${status}: ${body}`);
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

async function createCluster(
  world: World,
  accountId: string,
): Promise<{ ClusterId: string; TrustAnchorCertificate: string }> {
  const answer = await fetch(`${world.simulatorUrl}/_control/clusters`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ accountId, kmsuserPassword: PASSWORD }),
  });
  if (!answer.ok) throw new Error(`the simulator answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as { ClusterId: string; TrustAnchorCertificate: string };
}
