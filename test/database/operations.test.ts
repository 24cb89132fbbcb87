import { acceptConnect, acceptDisconnect } from '../../database/queries/accept-operation';
import { deleteStore } from '../../database/queries/custom-key-stores';
import { beginStepAttempt, endStepAttempt } from '../../database/queries/operation-steps';
import {
  listOperationsOfStore,
  listRunningOperations,
  takeQuietOperations,
} from '../../database/queries/operations';
import { recordOutcome, settle } from '../../database/queries/outcomes';
import { updateStore } from '../../database/queries/update-store';
import { aStore, connecting, disconnecting, read, secrets, useTestDatabase } from './fixtures';

const test = useTestDatabase();

describe('accepting a Connect', () => {
  it('moves the store to CONNECTING, counts the generation up and writes the operation', async () => {
    const store = await aStore(test.database);
    const operation = await connecting(test.database, store);
    expect(operation).toMatchObject({
      kind: 'connect',
      storeName: store.name,
      input: { storeId: store.id, generation: 1, type: 'AWS_CLOUDHSM' },
    });
    expect(await read(test.database, store.id)).toMatchObject({
      connectionState: 'CONNECTING',
      generation: 1,
      rowVersion: 2,
    });
    expect(await listOperationsOfStore(test.database.pool, store.id)).toMatchObject([
      { id: operation.id, kind: 'connect', generation: 1, state: 'running', steps: [] },
    ]);
  });

  it('is done once for two calls at the same moment', async () => {
    const store = await aStore(test.database);
    const accepted = await Promise.all([1, 2, 3, 4].map(() => acceptConnect(test.database.pool, store)));
    expect(accepted.filter(Boolean)).toHaveLength(1);
    expect((await read(test.database, store.id)).generation).toBe(1);
  });

  it('changes nothing when the row is no longer as it was read', async () => {
    const store = await aStore(test.database);
    await updateStore(test.database, store, { name: `${store.name} renamed` }, secrets);
    expect(await acceptConnect(test.database.pool, store)).toBeUndefined();
    expect(await read(test.database, store.id)).toMatchObject({
      connectionState: 'DISCONNECTED',
      generation: 0,
    });
  });
});

describe('accepting a Disconnect', () => {
  it('cancels the connect that runs and is the one running operation then (D7)', async () => {
    const store = await aStore(test.database);
    await connecting(test.database, store);
    await disconnecting(test.database, store.id);
    expect(await read(test.database, store.id)).toMatchObject({
      connectionState: 'DISCONNECTING',
      generation: 2,
    });
    expect(await listOperationsOfStore(test.database.pool, store.id)).toMatchObject([
      { kind: 'disconnect', generation: 2, state: 'running' },
      { kind: 'connect', generation: 1, state: 'cancelled', finishedAt: expect.any(Date) as Date },
    ]);
  });

  it('clears the error code of a failed store and takes its undo over (D8)', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    await recordOutcome(test.database.pool, input, {
      event: 'connect-failed',
      connectionErrorCode: 'USER_NOT_FOUND',
    });
    expect(await read(test.database, store.id)).toMatchObject({
      connectionState: 'FAILED',
      connectionErrorCode: 'USER_NOT_FOUND',
    });
    await disconnecting(test.database, store.id);
    const after = await read(test.database, store.id);
    expect(after.connectionState).toBe('DISCONNECTING');
    expect(after.connectionErrorCode).toBeUndefined();
    const quiet = await takeQuietOperations(test.database.pool, { quietMs: -1_000, limit: 1_000 });
    expect(quiet.filter((operation) => operation.input.storeId === store.id)).toMatchObject([
      { kind: 'disconnect' },
    ]);
  });

  it('is not for a DISCONNECTED store', async () => {
    expect(await acceptDisconnect(test.database.pool, await aStore(test.database))).toBeUndefined();
  });
});

describe('recording an outcome', () => {
  it('is done for the running operation of the generation, and again after a lost answer', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    expect(await recordOutcome(test.database.pool, input, { event: 'connect-succeeded' })).toBe('recorded');
    expect(await recordOutcome(test.database.pool, input, { event: 'connect-succeeded' })).toBe('recorded');
    expect(await read(test.database, store.id)).toMatchObject({
      connectionState: 'CONNECTED',
      rowVersion: 3,
    });
  });

  it('changes nothing for a connect that a Disconnect overtook', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    await disconnecting(test.database, store.id);
    expect(await recordOutcome(test.database.pool, input, { event: 'connect-succeeded' })).toBe('superseded');
    expect((await read(test.database, store.id)).connectionState).toBe('DISCONNECTING');
  });

  it('changes nothing for a connect whose store is CONNECTING again', async () => {
    const store = await aStore(test.database);
    const { input: late } = await connecting(test.database, store);
    const { input: disconnect } = await disconnecting(test.database, store.id);
    await recordOutcome(test.database.pool, disconnect, { event: 'disconnect-succeeded' });
    await connecting(test.database, await read(test.database, store.id));
    expect(await recordOutcome(test.database.pool, late, { event: 'connect-succeeded' })).toBe('superseded');
    expect(await read(test.database, store.id)).toMatchObject({
      connectionState: 'CONNECTING',
      generation: 3,
    });
  });

  it('leaves a failed connect to the reconciler until its undo is done', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    await recordOutcome(test.database.pool, input, {
      event: 'connect-failed',
      connectionErrorCode: 'SUBNET_NOT_FOUND',
    });
    const mine = async (): Promise<unknown[]> =>
      (await takeQuietOperations(test.database.pool, { quietMs: -1_000, limit: 1_000 })).filter(
        (operation) => operation.input.storeId === store.id,
      );
    expect(await mine()).toHaveLength(1);
    await settle(test.database.pool, input);
    expect(await mine()).toHaveLength(0);
    expect(await listOperationsOfStore(test.database.pool, store.id)).toMatchObject([
      { state: 'failed', connectionErrorCode: 'SUBNET_NOT_FOUND' },
    ]);
  });

  it('does not let a settling undo end an operation that runs', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    await settle(test.database.pool, input);
    expect(await listOperationsOfStore(test.database.pool, store.id)).toMatchObject([{ state: 'running' }]);
  });
});

describe('steps', () => {
  const STEP = { name: 'findCluster', always: false };

  it('count their attempts, keep what they spent and why they failed', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const first = await beginStepAttempt(test.database.pool, { ...input, ...STEP });
    if (!first) throw new Error('no attempt');
    expect(first).toMatchObject({ attempt: 1, spentMs: 0, operationState: 'running' });
    await endStepAttempt(
      test.database.pool,
      { ...first, name: STEP.name },
      { state: 'running', spentMs: 1_500, failureCode: 'NETWORK_ERRORS', message: 'try the network' },
    );
    expect(await beginStepAttempt(test.database.pool, { ...input, ...STEP })).toMatchObject({
      attempt: 2,
      spentMs: 1_500,
      operationSpentMs: 1_500,
      lastFailureCode: 'NETWORK_ERRORS',
    });
  });

  it('are not begun for an operation that is no longer running, unless they undo', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    await disconnecting(test.database, store.id);
    const forward = await beginStepAttempt(test.database.pool, { ...input, ...STEP });
    expect(forward).toMatchObject({ operationState: 'cancelled', attempt: 0 });
    const undo = await beginStepAttempt(test.database.pool, {
      ...input,
      name: 'releaseInfrastructure',
      always: true,
    });
    expect(undo).toMatchObject({ operationState: 'cancelled', attempt: 1 });
    const [, connect] = (await listOperationsOfStore(test.database.pool, store.id)) ?? [];
    expect(connect?.steps.map((step) => step.name)).toEqual(['releaseInfrastructure']);
  });

  it('go on when they have tried for longer than can be counted', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const MONTH_MS = 31 * 24 * 3_600_000;
    for (const name of ['releaseInfrastructure', 'logoutKmsuser']) {
      const undo = { ...input, name, always: true };
      const tried = await beginStepAttempt(test.database.pool, undo);
      if (!tried) throw new Error('no such operation');
      const end = { state: 'running', spentMs: MONTH_MS } as const;
      await endStepAttempt(test.database.pool, { ...tried, name }, end);
    }
    const next = { ...input, name: 'releaseInfrastructure', always: true };
    const again = await beginStepAttempt(test.database.pool, next);
    if (!again) throw new Error('no such operation');
    expect(again).toMatchObject({ attempt: 2, spentMs: 2 ** 31 - 1, operationSpentMs: 2 ** 31 - 1 });
    await endStepAttempt(
      test.database.pool,
      { ...again, name: next.name },
      { state: 'succeeded', spentMs: 1 },
    );
    const [operation] = (await listOperationsOfStore(test.database.pool, input.storeId)) ?? [];
    expect(operation?.steps.find(({ name }) => name === next.name)).toMatchObject({ state: 'succeeded' });
  });

  it('are not ended by an attempt that a later one replaced', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    const frozen = await beginStepAttempt(test.database.pool, { ...input, ...STEP });
    if (!frozen) throw new Error('no attempt');
    await beginStepAttempt(test.database.pool, { ...input, ...STEP });
    await endStepAttempt(test.database.pool, { ...frozen, name: STEP.name }, { state: 'failed', spentMs: 9 });
    const [operation] = (await listOperationsOfStore(test.database.pool, store.id)) ?? [];
    expect(operation?.steps).toMatchObject([{ name: 'findCluster', state: 'running', attempts: 2 }]);
  });
});

describe('lists of operations', () => {
  it('are undefined for an id that never was, and stay readable after the store is deleted', async () => {
    expect(await listOperationsOfStore(test.database.pool, 'cks-00000000000000000')).toBeUndefined();
    const store = await aStore(test.database);
    expect(await listOperationsOfStore(test.database.pool, store.id)).toEqual([]);
    const { input } = await connecting(test.database, store);
    await recordOutcome(test.database.pool, input, { event: 'connect-succeeded' });
    const disconnect = await disconnecting(test.database, store.id);
    await recordOutcome(test.database.pool, disconnect.input, { event: 'disconnect-succeeded' });
    expect(await deleteStore(test.database.pool, await read(test.database, store.id))).toBe('deleted');
    expect(await listOperationsOfStore(test.database.pool, store.id)).toMatchObject([
      { kind: 'disconnect', state: 'succeeded' },
      { kind: 'connect', state: 'succeeded' },
    ]);
  });

  it('are empty for a store that was deleted without ever having been connected', async () => {
    const store = await aStore(test.database);
    await deleteStore(test.database.pool, store);
    expect(await listOperationsOfStore(test.database.pool, store.id)).toEqual([]);
  });

  it('of running ones are oldest first and paged by the last id', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) ids.push((await connecting(test.database, await aStore(test.database))).id);
    const before = String(BigInt(ids[0] ?? 0) - 1n);
    const page = await listRunningOperations(test.database.pool, { limit: 2, after: before });
    expect(page.map((operation) => operation.id)).toEqual(ids.slice(0, 2));
    const next = await listRunningOperations(test.database.pool, { limit: 2, after: ids[1] ?? '' });
    expect(next.map((operation) => operation.id)).toEqual(ids.slice(2));
  });

  it('of quiet ones give each to one reconciler and not again at once', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    await takeQuietOperations(test.database.pool, { quietMs: -1_000, limit: 1_000 });
    const again = await takeQuietOperations(test.database.pool, { quietMs: 60_000, limit: 1_000 });
    expect(again.filter((operation) => operation.input.storeId === input.storeId)).toEqual([]);
  });
});

describe('a late attempt of a step and its successor', () => {
  it('never wait for each other (the operation is locked before its step)', async () => {
    const { id, input } = await connecting(test.database, await aStore(test.database));
    const { pool } = test.database;
    const begin = () =>
      beginStepAttempt(pool, { storeId: input.storeId, generation: 1, name: 'findCluster', always: false });
    const end = (attempt: number) =>
      endStepAttempt(
        pool,
        { operationId: id, name: 'findCluster', attempt },
        { state: 'running', spentMs: 1 },
      );
    for (let round = 0; round < 100; round++) {
      const attempt = (await begin())?.attempt ?? 0;
      await Promise.all([end(attempt), begin(), end(attempt + 1)]);
    }
    const [operation] = (await listOperationsOfStore(pool, input.storeId)) ?? [];
    expect(operation?.steps).toMatchObject([{ attempts: 200 }]);
  });
});
