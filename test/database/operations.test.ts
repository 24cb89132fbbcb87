import { openDatabase } from '../../database/database';
import type { Database } from '../../database/database';
import { acceptConnect, acceptDisconnect } from '../../database/queries/accept-operation';
import { deleteStore, updateStore } from '../../database/queries/custom-key-stores';
import { beginStepAttempt, endStepAttempt } from '../../database/queries/operation-steps';
import {
  listOperationsOfStore,
  listRunningOperations,
  takeQuietOperations,
} from '../../database/queries/operations';
import { recordOutcome, settle } from '../../database/queries/outcomes';
import { createTestDatabase } from '../setup/database';
import type { TestDatabase } from '../setup/database';
import { aStore, connecting, disconnecting, read, secrets } from './fixtures';

let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase({ url: testDatabase.url });
});

afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

describe('accepting a Connect', () => {
  it('moves the store to CONNECTING, counts the generation up and writes the operation', async () => {
    const store = await aStore(database);
    const operation = await connecting(database, store);
    expect(operation).toMatchObject({
      kind: 'connect',
      storeName: store.name,
      input: { storeId: store.id, generation: 1, type: 'AWS_CLOUDHSM' },
    });
    expect(await read(database, store.id)).toMatchObject({
      connectionState: 'CONNECTING',
      generation: 1,
      rowVersion: 2,
    });
    expect(await listOperationsOfStore(database.pool, store.id)).toMatchObject([
      { id: operation.id, kind: 'connect', generation: 1, state: 'running', steps: [] },
    ]);
  });

  it('is done once for two calls at the same moment', async () => {
    const store = await aStore(database);
    const accepted = await Promise.all([1, 2, 3, 4].map(() => acceptConnect(database.pool, store)));
    expect(accepted.filter(Boolean)).toHaveLength(1);
    expect((await read(database, store.id)).generation).toBe(1);
  });

  it('changes nothing when the row is no longer as it was read', async () => {
    const store = await aStore(database);
    await updateStore(database, store, { name: `${store.name} renamed` }, secrets);
    expect(await acceptConnect(database.pool, store)).toBeUndefined();
    expect(await read(database, store.id)).toMatchObject({ connectionState: 'DISCONNECTED', generation: 0 });
  });
});

describe('accepting a Disconnect', () => {
  it('cancels the connect that runs and is the one running operation then (D7)', async () => {
    const store = await aStore(database);
    await connecting(database, store);
    await disconnecting(database, store.id);
    expect(await read(database, store.id)).toMatchObject({ connectionState: 'DISCONNECTING', generation: 2 });
    expect(await listOperationsOfStore(database.pool, store.id)).toMatchObject([
      { kind: 'disconnect', generation: 2, state: 'running' },
      { kind: 'connect', generation: 1, state: 'cancelled', finishedAt: expect.any(Date) as Date },
    ]);
  });

  it('clears the error code of a failed store and takes its undo over (D8)', async () => {
    const store = await aStore(database);
    const { input } = await connecting(database, store);
    await recordOutcome(database.pool, input, {
      event: 'connect-failed',
      connectionErrorCode: 'USER_NOT_FOUND',
    });
    expect(await read(database, store.id)).toMatchObject({
      connectionState: 'FAILED',
      connectionErrorCode: 'USER_NOT_FOUND',
    });
    await disconnecting(database, store.id);
    const after = await read(database, store.id);
    expect(after.connectionState).toBe('DISCONNECTING');
    expect(after.connectionErrorCode).toBeUndefined();
    const quiet = await takeQuietOperations(database.pool, { quietMs: -1_000, limit: 1_000 });
    expect(quiet.filter((operation) => operation.input.storeId === store.id)).toMatchObject([
      { kind: 'disconnect' },
    ]);
  });

  it('is not for a DISCONNECTED store', async () => {
    expect(await acceptDisconnect(database.pool, await aStore(database))).toBeUndefined();
  });
});

describe('recording an outcome', () => {
  it('is done for the running operation of the generation, and again after a lost answer', async () => {
    const store = await aStore(database);
    const { input } = await connecting(database, store);
    expect(await recordOutcome(database.pool, input, { event: 'connect-succeeded' })).toBe('recorded');
    expect(await recordOutcome(database.pool, input, { event: 'connect-succeeded' })).toBe('recorded');
    expect(await read(database, store.id)).toMatchObject({ connectionState: 'CONNECTED', rowVersion: 3 });
  });

  it('changes nothing for a connect that a Disconnect overtook', async () => {
    const store = await aStore(database);
    const { input } = await connecting(database, store);
    await disconnecting(database, store.id);
    expect(await recordOutcome(database.pool, input, { event: 'connect-succeeded' })).toBe('superseded');
    expect((await read(database, store.id)).connectionState).toBe('DISCONNECTING');
  });

  it('leaves a failed connect to the reconciler until its undo is done', async () => {
    const store = await aStore(database);
    const { input } = await connecting(database, store);
    await recordOutcome(database.pool, input, {
      event: 'connect-failed',
      connectionErrorCode: 'SUBNET_NOT_FOUND',
    });
    const mine = async (): Promise<unknown[]> =>
      (await takeQuietOperations(database.pool, { quietMs: -1_000, limit: 1_000 })).filter(
        (operation) => operation.input.storeId === store.id,
      );
    expect(await mine()).toHaveLength(1);
    await settle(database.pool, input);
    expect(await mine()).toHaveLength(0);
    expect(await listOperationsOfStore(database.pool, store.id)).toMatchObject([
      { state: 'failed', connectionErrorCode: 'SUBNET_NOT_FOUND' },
    ]);
  });

  it('does not let a settling undo end an operation that runs', async () => {
    const store = await aStore(database);
    const { input } = await connecting(database, store);
    await settle(database.pool, input);
    expect(await listOperationsOfStore(database.pool, store.id)).toMatchObject([{ state: 'running' }]);
  });
});

describe('steps', () => {
  const STEP = { name: 'findCluster', always: false };

  it('count their attempts, keep what they spent and why they failed', async () => {
    const { input } = await connecting(database, await aStore(database));
    const first = await beginStepAttempt(database.pool, { ...input, ...STEP });
    if (!first) throw new Error('no attempt');
    expect(first).toMatchObject({ attempt: 1, spentMs: 0, operationState: 'running' });
    await endStepAttempt(
      database.pool,
      { ...first, name: STEP.name },
      { state: 'running', spentMs: 1_500, failureCode: 'NETWORK_ERRORS', message: 'try the network' },
    );
    expect(await beginStepAttempt(database.pool, { ...input, ...STEP })).toMatchObject({
      attempt: 2,
      spentMs: 1_500,
      operationSpentMs: 1_500,
      lastFailureCode: 'NETWORK_ERRORS',
    });
  });

  it('are not begun for an operation that is no longer running, unless they undo', async () => {
    const store = await aStore(database);
    const { input } = await connecting(database, store);
    await disconnecting(database, store.id);
    const forward = await beginStepAttempt(database.pool, { ...input, ...STEP });
    expect(forward).toMatchObject({ operationState: 'cancelled', attempt: 0 });
    const undo = await beginStepAttempt(database.pool, {
      ...input,
      name: 'releaseInfrastructure',
      always: true,
    });
    expect(undo).toMatchObject({ operationState: 'cancelled', attempt: 1 });
    const [, connect] = (await listOperationsOfStore(database.pool, store.id)) ?? [];
    expect(connect?.steps.map((step) => step.name)).toEqual(['releaseInfrastructure']);
  });

  it('are not ended by an attempt that a later one replaced', async () => {
    const store = await aStore(database);
    const { input } = await connecting(database, store);
    const frozen = await beginStepAttempt(database.pool, { ...input, ...STEP });
    if (!frozen) throw new Error('no attempt');
    await beginStepAttempt(database.pool, { ...input, ...STEP });
    await endStepAttempt(database.pool, { ...frozen, name: STEP.name }, { state: 'failed', spentMs: 9 });
    const [operation] = (await listOperationsOfStore(database.pool, store.id)) ?? [];
    expect(operation?.steps).toMatchObject([{ name: 'findCluster', state: 'running', attempts: 2 }]);
  });
});

describe('lists of operations', () => {
  it('are undefined for an id that never was, and stay readable after the store is deleted', async () => {
    expect(await listOperationsOfStore(database.pool, 'cks-00000000000000000')).toBeUndefined();
    const store = await aStore(database);
    expect(await listOperationsOfStore(database.pool, store.id)).toEqual([]);
    const { input } = await connecting(database, store);
    await recordOutcome(database.pool, input, { event: 'connect-succeeded' });
    const disconnect = await disconnecting(database, store.id);
    await recordOutcome(database.pool, disconnect.input, { event: 'disconnect-succeeded' });
    expect(await deleteStore(database.pool, await read(database, store.id))).toBe('deleted');
    expect(await listOperationsOfStore(database.pool, store.id)).toMatchObject([
      { kind: 'disconnect', state: 'succeeded' },
      { kind: 'connect', state: 'succeeded' },
    ]);
  });

  it('are empty for a store that was deleted without ever having been connected', async () => {
    const store = await aStore(database);
    await deleteStore(database.pool, store);
    expect(await listOperationsOfStore(database.pool, store.id)).toEqual([]);
  });

  it('of running ones are oldest first and paged by the last id', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) ids.push((await connecting(database, await aStore(database))).id);
    const before = String(BigInt(ids[0] ?? 0) - 1n);
    const page = await listRunningOperations(database.pool, { limit: 2, after: before });
    expect(page.map((operation) => operation.id)).toEqual(ids.slice(0, 2));
    const next = await listRunningOperations(database.pool, { limit: 2, after: ids[1] ?? '' });
    expect(next.map((operation) => operation.id)).toEqual(ids.slice(2));
  });

  it('of quiet ones give each to one reconciler and not again at once', async () => {
    const { input } = await connecting(database, await aStore(database));
    await takeQuietOperations(database.pool, { quietMs: -1_000, limit: 1_000 });
    const again = await takeQuietOperations(database.pool, { quietMs: 60_000, limit: 1_000 });
    expect(again.filter((operation) => operation.input.storeId === input.storeId)).toEqual([]);
  });
});
