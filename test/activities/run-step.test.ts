import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import pino from 'pino';
import type { Dependencies } from '../../activities/dependencies';
import { runStep } from '../../activities/run-step';
import { attemptEnvironment } from '../harness/attempt';
import { finalFailure, passingFailure } from '../../activities/step-failure';
import { openDatabase } from '../../database/database';
import { listOperationsOfStore } from '../../database/queries/operations';
import type { ConnectionErrorCode } from '../../keystore/connection-error-code';
import type { OperationInput, OperationStep } from '../../keystore/operation';
import type { StepName } from '../../keystore/steps';
import { SecretBox } from '../../database/secret-box';
import { aStore, connecting, disconnecting, secrets, useTestDatabase } from '../database/fixtures';

const test = useTestDatabase();

/** Steps here touch nothing but the database; what they would reach outside is not there. */
const deps = (budgetScale = 1, on = test.database): Dependencies =>
  ({ database: on, secrets, budgetScale, logger: pino({ level: 'silent' }) }) as unknown as Dependencies;

async function failureOf(running: Promise<unknown>): Promise<ApplicationFailure> {
  const error: unknown = await running.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ApplicationFailure)) throw new Error(`not an ApplicationFailure: ${String(error)}`);
  return error;
}

async function stepOf(input: OperationInput, name: StepName): Promise<OperationStep | undefined> {
  const operations = (await listOperationsOfStore(test.database.pool, input.storeId)) ?? [];
  const operation = operations.find((candidate) => candidate.generation === input.generation);
  return operation?.steps.find((step) => step.name === name);
}

const spentBy = async (input: OperationInput): Promise<number> => {
  const { rows } = await test.database.pool.query<{ spent: number }>(
    `SELECT sum(spent_ms)::int AS spent FROM operation_steps s JOIN operations o ON o.id = s.operation_id
     WHERE o.custom_key_store_id = $1 AND o.generation = $2`,
    [input.storeId, input.generation],
  );
  return rows[0]?.spent ?? 0;
};

/** What a statement ends with whose connection the server ends under it. */
const cutOff = (): Promise<unknown> =>
  test.database.pool.query('SELECT pg_terminate_backend(pg_backend_pid())');

describe('an answer that a step writes down', () => {
  it('gets there through an outage of the database, which counts as no time of the step', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const began = performance.now();
    const tried: number[] = [];
    const written = await attemptEnvironment().run(() =>
      runStep(deps(), 'findCluster', input, (step) =>
        step.writeDown(async () => {
          tried.push(performance.now());
          if (tried.length < 6) await cutOff();
          return 'written';
        }),
      ),
    );
    const [, second = 0] = tried;
    const away = (tried.at(-1) ?? 0) - second;
    expect([written, tried.length]).toEqual(['written', 6]);
    // Whatever else it took: the time between the second try and the last is no part of it.
    expect(await spentBy(input)).toBeLessThanOrEqual(Math.ceil(performance.now() - began - away));
  });

  it('is given up when the step is cancelled', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const environment = attemptEnvironment();
    let tries = 0;
    const running = environment.run(() =>
      runStep(deps(), 'findCluster', input, (step) =>
        step.writeDown(async () => {
          tries += 1;
          if (tries === 3) environment.cancel('CANCELLED');
          await cutOff();
        }),
      ),
    );
    await expect(running).rejects.toThrow();
    expect(tries).toBeGreaterThanOrEqual(3);
  });

  it('is not repeated where the database has refused it', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    let tries = 0;
    const running = attemptEnvironment().run(() =>
      runStep(deps(), 'findCluster', input, (step) =>
        step.writeDown(() => {
          tries += 1;
          return test.database.pool.query('SELECT nothing FROM nowhere');
        }),
      ),
    );
    expect((await failureOf(running)).type).toBe('KeymoorUnavailable');
    expect(tries).toBe(1);
  });
});

describe('a step', () => {
  it('that succeeds is written down as such, with its note', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const result = await attemptEnvironment().run(() =>
      runStep(deps(), 'findCluster', input, (step) => {
        step.note('all well');
        return Promise.resolve(step.attempt);
      }),
    );
    expect(result).toBe(1);
    expect(await stepOf(input, 'findCluster')).toMatchObject({
      state: 'succeeded',
      attempts: 1,
      message: 'all well',
    });
  });

  it('that cannot be helped fails for good, with the code as type', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const failure = await failureOf(
      attemptEnvironment().run(() =>
        runStep(deps(), 'findCluster', input, () =>
          Promise.reject(finalFailure('CLUSTER_NOT_FOUND', 'no cluster')),
        ),
      ),
    );
    expect(failure).toMatchObject({ type: 'CLUSTER_NOT_FOUND', message: 'no cluster', nonRetryable: true });
    expect(await stepOf(input, 'findCluster')).toMatchObject({ state: 'failed', message: 'no cluster' });
  });

  it('that may pass is left to Temporal to try again after its pause, which counts as spent', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const failure = await failureOf(
      attemptEnvironment().run(() =>
        runStep(deps(), 'findCluster', input, () =>
          Promise.reject(passingFailure('NETWORK_ERRORS', 'no answer')),
        ),
      ),
    );
    expect(failure).toMatchObject({ type: 'NETWORK_ERRORS', nonRetryable: false, nextRetryDelay: 2_000 });
    expect(await stepOf(input, 'findCluster')).toMatchObject({ state: 'running', message: 'no answer' });
    expect(await spentBy(input)).toBeGreaterThanOrEqual(2_000);
  });

  it('gives up with the code of its last failure when its budget is spent, over all attempts', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    let attempts = 0;
    const failure = await failureOf(
      attemptEnvironment().run(() =>
        // A scale of 0.001 makes the budget 120 ms and the pause 2 ms.
        runStep(deps(0.001), 'findCluster', input, () => {
          attempts++;
          return Promise.reject(passingFailure('NETWORK_ERRORS', 'no answer.'));
        }),
      ),
    );
    expect(failure).toMatchObject({ type: 'NETWORK_ERRORS', nonRetryable: true });
    expect(failure.message).toMatch(/^no answer\. Gave up/);
    expect(attempts).toBeGreaterThan(1);
    expect(await stepOf(input, 'findCluster')).toMatchObject({ state: 'failed', attempts });
  });

  it('gives up when the whole connect has spent its 20 minutes, however little of it was its own (D15)', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const fail = (): Promise<never> => Promise.reject(passingFailure('INTERNAL_ERROR', 'not yet.'));
    await failureOf(attemptEnvironment().run(() => runStep(deps(), 'createInfrastructure', input, fail)));
    await test.database.pool.query('UPDATE operation_steps SET spent_ms = 1199000');
    const failure = await failureOf(
      attemptEnvironment().run(() => runStep(deps(), 'loginKmsuser', input, fail)),
    );
    expect(failure).toMatchObject({ type: 'INTERNAL_ERROR', nonRetryable: true });
  });

  it('is told by its signal when its budget is spent', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const failure = await failureOf(
      attemptEnvironment().run(() =>
        runStep(
          deps(0.001),
          'findCluster',
          input,
          (step) =>
            new Promise((_resolve, reject) => {
              step.signal.addEventListener('abort', () => reject(passingFailure('NETWORK_ERRORS', 'hung.')));
            }),
        ),
      ),
    );
    expect(failure).toMatchObject({ type: 'NETWORK_ERRORS', nonRetryable: true });
  });

  it.each<[StepName, ConnectionErrorCode, silence: ConnectionErrorCode]>([
    ['findCluster', 'INTERNAL_ERROR', 'NETWORK_ERRORS'],
    ['findEndpointService', 'XKS_PROXY_NOT_REACHABLE', 'XKS_PROXY_TIMED_OUT'],
    ['findEndpointService', 'XKS_PROXY_INVALID_RESPONSE', 'XKS_PROXY_NOT_REACHABLE'],
  ])(
    '(%s) that is cut short by the end of its budget ends with %s, as an earlier attempt was told, and not with %s (D14)',
    async (name, told, silence) => {
      const { input } = await connecting(test.database, await aStore(test.database));
      let attempts = 0;
      const failure = await failureOf(
        attemptEnvironment().run(() =>
          runStep(deps(0.001), name, input, (step) => {
            if (++attempts === 1) return Promise.reject(passingFailure(told, 'It is not well.'));
            return new Promise((_resolve, reject) => {
              step.signal.addEventListener('abort', () => reject(passingFailure(silence, 'hung.')));
            });
          }),
        ),
      );
      expect(failure).toMatchObject({ type: told, nonRetryable: true });
      expect(failure.message).toMatch(/^It is not well\. Gave up/);
    },
  );

  it('costs no budget and stays retryable when the failure is our own, and its message carries no value', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const failure = await failureOf(
      attemptEnvironment().run(() =>
        runStep(deps(), 'findCluster', input, () => Promise.reject(new Error('canary-secret in a bug'))),
      ),
    );
    expect(failure).toMatchObject({ type: 'KeymoorUnavailable', nonRetryable: false });
    expect(failure.message).not.toMatch(/canary/);
    expect(await spentBy(input)).toBe(0);
    expect(await stepOf(input, 'findCluster')).toMatchObject({ state: 'running', message: failure.message });
  });

  it('tells an operator that the master key is another one than the secrets were written with', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const other = new SecretBox(Buffer.alloc(32, 9));
    const sealed = secrets.seal(input.storeId, 'kmsuser-password', 'canary-secret');
    await failureOf(
      attemptEnvironment().run(() =>
        runStep(deps(), 'loginKmsuser', input, () =>
          Promise.resolve(other.open(input.storeId, 'kmsuser-password', sealed, null)),
        ),
      ),
    );
    expect((await stepOf(input, 'loginKmsuser'))?.message).toMatch(/KEYMOOR_MASTER_KEY_FILE/);
  });

  it('fails in the same way when the database is away', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const away = openDatabase({ url: 'postgresql://nobody:secret@127.0.0.1:1/none' });
    const failure = await failureOf(
      attemptEnvironment().run(() => runStep(deps(1, away), 'findCluster', input, () => Promise.resolve())),
    );
    expect(failure).toMatchObject({ type: 'KeymoorUnavailable', nonRetryable: false });
    expect(failure.message).toMatch(/ECONNREFUSED/);
    expect(failure.message).not.toMatch(/secret/);
    await away.close();
  });

  it('does not run for an operation that was overtaken, unless it undoes', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    await disconnecting(test.database, store.id);
    let ran = 0;
    const work = (): Promise<void> => {
      ran++;
      return Promise.resolve();
    };
    const refused = await failureOf(
      attemptEnvironment().run(() => runStep(deps(), 'findCluster', input, work)),
    );
    expect(refused).toMatchObject({ type: 'OperationNotRunning', nonRetryable: true });
    expect(ran).toBe(0);
    await attemptEnvironment().run(() => runStep(deps(), 'releaseInfrastructure', input, work));
    expect(ran).toBe(1);
  });

  it('that undoes never gives up (D16)', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    let tries = 0;
    await attemptEnvironment().run(() =>
      runStep(deps(0.0001), 'releaseInfrastructure', input, () =>
        ++tries < 20 ? Promise.reject(finalFailure('INTERNAL_ERROR', 'denied')) : Promise.resolve(),
      ),
    );
    expect(await stepOf(input, 'releaseInfrastructure')).toMatchObject({ state: 'succeeded', attempts: 20 });
  });

  const untilAborted = (signal: AbortSignal): Promise<never> =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('aborted')));
    });

  it('that is cancelled says so', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const mock = attemptEnvironment();
    const running = mock.run(() =>
      runStep(deps(), 'findCluster', input, (step) => {
        const ended = untilAborted(step.signal);
        mock.cancel('CANCELLED', { cancelRequested: true } as never);
        return ended;
      }),
    );
    await expect(running).rejects.toBeInstanceOf(CancelledFailure);
    expect(await stepOf(input, 'findCluster')).toMatchObject({ state: 'cancelled' });
  });

  it('that is left by a worker which stops is to be tried again, not cancelled', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const mock = attemptEnvironment();
    const failure = await failureOf(
      mock.run(() =>
        runStep(deps(), 'findCluster', input, (step) => {
          const ended = untilAborted(step.signal);
          mock.cancel('WORKER_SHUTDOWN', { workerShutdown: true } as never);
          return ended;
        }),
      ),
    );
    expect(failure).toMatchObject({ type: 'WorkerStopped', nonRetryable: false });
    expect(await stepOf(input, 'findCluster')).toMatchObject({ state: 'running' });
  });
});
