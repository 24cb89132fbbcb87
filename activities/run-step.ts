import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { isDatabaseAway } from '../database/database';
import { beginStepAttempt, endStepAttempt } from '../database/queries/operation-steps';
import type { StepAttempt, StepAttemptEnd } from '../database/queries/operation-steps';
import type { ConnectionErrorCode } from '../keystore/connection-error-code';
import type { CustomKeyStore } from '../keystore/custom-key-store';
import type { OperationInput, OperationState } from '../keystore/operation';
import { CONNECT_BUDGET_MS, stepPolicy } from '../keystore/steps';
import type { StepName } from '../keystore/steps';
import { startActiveClock } from './active-clock';
import type { ActiveClock } from './active-clock';
import { startAttemptBudget } from './attempt-budget';
import type { Dependencies } from './dependencies';
import { operationNotRunning } from './operation-not-running';
import { orOwnFailure, ownFailureMessage } from './own-failure';
import { passingFailure, toStepFailure } from './step-failure';
import type { StepFailure } from './step-failure';
import { throughOutages } from './through-outages';

/** What a step gets beside its own arguments. */
export interface StepContext {
  input: OperationInput;
  /** the store as it was when the attempt began; undefined where it was deleted meanwhile */
  store: CustomKeyStore | undefined;
  /** of the operation, when the attempt began; a forward step finds `running` here */
  operationState: OperationState;
  /** 1 for the first attempt of this operation's step */
  attempt: number;
  /** aborted when the step is cancelled, or with a time-out when its budget is spent */
  signal: AbortSignal;
  /** why the last attempt failed, where the outside world made it fail */
  lastFailure?: { code: ConnectionErrorCode; message: string };
  /** a note for the operator, kept with the step when it succeeds */
  note(message: string): void;
  /**
   * Writes down an answer that cannot be asked for again: through an outage of the database, which costs no budget,
   * until the step is cancelled. A repeat must do no harm.
   */
  writeDown<T>(write: () => Promise<T>): Promise<T>;
}

const HEARTBEAT_EVERY_MS = 500;
/** A forward step is tried at least this long, however little of its budget is left. */
const LEAST_ATTEMPT_MS = 50;
/**
 * Temporal's timers are a second coarse: a retry that is due sooner comes late, or very late. Shorter pauses (of a
 * scaled-down budget) are waited in the step itself.
 */
const SHORTEST_RETRY_OF_TEMPORAL_MS = 1_000;

/**
 * Runs a step: every attempt is written down before and after, stays within the budget (D15), and heartbeats all the
 * while. A forward step of an operation that is no longer the running one is refused; undo always runs.
 *
 * Throws `ApplicationFailure` whose type is a ConnectionErrorCode and whose message says what to do;
 * non-retryable when trying again cannot help or the budget is spent. Failures of our own (the database away) stay
 * retryable and cost no budget.
 */
export async function runStep<T>(
  deps: Dependencies,
  name: StepName,
  input: OperationInput,
  work: (step: StepContext) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  const heartbeat = setInterval(() => context.heartbeat(), HEARTBEAT_EVERY_MS);
  try {
    return await orOwnFailure(deps.logger, name, async () => {
      for (;;) {
        const end = await runAttempt(deps, name, input, work, context);
        if ('result' in end) return end.result;
        if (end.retryInMs >= SHORTEST_RETRY_OF_TEMPORAL_MS) {
          throw ApplicationFailure.create({
            type: end.failure.code,
            message: end.failure.message,
            nextRetryDelay: Math.round(end.retryInMs),
          });
        }
        // A cancellation ends the pause; the next attempt then sees it at once.
        await sleep(end.retryInMs, undefined, { signal: context.cancellationSignal }).catch(() => undefined);
      }
    });
  } finally {
    clearInterval(heartbeat);
  }
}

type AttemptEnd<T> = { result: T } | { failure: StepFailure; retryInMs: number };

async function runAttempt<T>(
  deps: Dependencies,
  name: StepName,
  input: OperationInput,
  work: (step: StepContext) => Promise<T>,
  context: Context,
): Promise<AttemptEnd<T>> {
  const policy = stepPolicy(name);
  const attempt = await beginStepAttempt(deps.database.pool, {
    storeId: input.storeId,
    generation: input.generation,
    name,
    always: policy.direction === 'undo',
  });
  if (!attempt || (policy.direction === 'forward' && attempt.operationState !== 'running')) {
    throw operationNotRunning(input);
  }
  const leftMs = budgetLeft(deps, name, input, attempt);
  const budget = startAttemptBudget(
    name,
    leftMs === undefined ? undefined : Math.max(leftMs, policy.leastAttemptMs ?? LEAST_ATTEMPT_MS),
  );
  const clock = startActiveClock();
  let note: string | undefined;
  try {
    const result = await work({
      input,
      store: attempt.store,
      operationState: attempt.operationState,
      attempt: attempt.attempt,
      signal: AbortSignal.any([context.cancellationSignal, budget.signal]),
      ...(attempt.lastFailureCode && {
        lastFailure: { code: attempt.lastFailureCode, message: attempt.lastMessage ?? '' },
      }),
      note: (message) => {
        note = message;
      },
      writeDown: (write) =>
        write().catch((error: unknown) => {
          if (!isDatabaseAway(error)) throw error;
          const again = (): ReturnType<typeof write> => throughOutages(write, context.cancellationSignal);
          return budget.aside(() => clock.aside(again));
        }),
    });
    const spentMs = clock.elapsedMs();
    await endStepAttempt(
      deps.database.pool,
      { ...attempt, name },
      { state: 'succeeded', spentMs, ...(note !== undefined && { message: note }) },
    );
    deps.onStepEnd?.(name, 'succeeded', spentMs / 1_000);
    return { result };
  } catch (error) {
    return await afterFailure(
      deps,
      name,
      { attempt, clock, context, cut: budget.signal.aborted, ...(leftMs !== undefined && { leftMs }) },
      error,
    );
  } finally {
    budget.stop();
    clock.stop();
  }
}

/** Milliseconds that a step may still try; undefined for a step without a budget. */
function budgetLeft(
  deps: Dependencies,
  name: StepName,
  input: OperationInput,
  attempt: StepAttempt,
): number | undefined {
  const policy = stepPolicy(name);
  if (policy.budgetMs === undefined) return undefined;
  // An undo that gives up makes room for the next one (a logout): each attempt has the whole time.
  if (policy.direction === 'undo') return policy.budgetMs * deps.budgetScale;
  return Math.min(
    policy.budgetMs * deps.budgetScale - attempt.spentMs,
    CONNECT_BUDGET_MS[input.type] * deps.budgetScale - attempt.operationSpentMs,
  );
}

interface FailedAttempt {
  attempt: StepAttempt;
  clock: ActiveClock;
  context: Context;
  /** the budget ended it, in the middle of whatever it was doing */
  cut: boolean;
  leftMs?: number;
}

/** What an attempt that was cut short ends with where it tells no more than that nobody had answered yet. */
const SILENCE: readonly ConnectionErrorCode[] = [
  'NETWORK_ERRORS',
  'XKS_PROXY_TIMED_OUT',
  'XKS_PROXY_NOT_REACHABLE',
];

/**
 * Why the step failed. An attempt that was cut short tells only that somebody had not answered yet; where an earlier
 * one got an answer, that is the reason (D14, D15).
 */
function reasonOf(failure: StepFailure, { attempt, cut }: FailedAttempt): StepFailure {
  const { lastFailureCode, lastMessage } = attempt;
  if (!cut || !SILENCE.includes(failure.code) || lastFailureCode === undefined) return failure;
  return passingFailure(lastFailureCode, lastMessage ?? failure.message);
}

function lastFailure({
  lastFailureCode,
  lastMessage,
}: StepAttempt): Pick<StepAttemptEnd, 'failureCode' | 'message'> {
  return {
    ...(lastFailureCode && { failureCode: lastFailureCode }),
    ...(lastMessage !== undefined && { message: lastMessage }),
  };
}

/** A failure of our own costs no budget. Best effort: what failed is most often the very database. */
async function noteOwnFailure(
  deps: Dependencies,
  name: StepName,
  attempt: StepAttempt,
  error: unknown,
): Promise<void> {
  const end = {
    state: 'running' as const,
    spentMs: 0,
    message: ownFailureMessage(name, error),
    ...(attempt.lastFailureCode && { failureCode: attempt.lastFailureCode }),
  };
  await endStepAttempt(deps.database.pool, { ...attempt, name }, end).catch(() => undefined);
}

/** Writes down how an attempt failed; returns when to try again, or throws what ends the step. */
async function afterFailure(
  deps: Dependencies,
  name: StepName,
  failed: FailedAttempt,
  error: unknown,
): Promise<{ failure: StepFailure; retryInMs: number }> {
  const { attempt, clock, context, leftMs } = failed;
  const policy = stepPolicy(name);
  const spentMs = clock.elapsedMs();
  const record = (end: Omit<Parameters<typeof endStepAttempt>[2], 'spentMs'>, pauseMs = 0): Promise<void> =>
    endStepAttempt(deps.database.pool, { ...attempt, name }, { ...end, spentMs: spentMs + pauseMs });
  const tell = (end: 'retry' | 'failed' | 'cancelled' | 'interrupted'): void =>
    deps.onStepEnd?.(name, end, spentMs / 1_000);

  if (context.cancellationSignal.aborted) {
    const wanted = context.cancellationDetails?.cancelRequested === true;
    // Why the last attempt failed stays known: it may be the connect's reason in the end (D15).
    await record(wanted ? { state: 'cancelled' } : { state: 'running', ...lastFailure(attempt) });
    tell(wanted ? 'cancelled' : 'interrupted');
    if (wanted) throw new CancelledFailure(`${name} was cancelled.`);
    // The worker stops, or was taken for dead: nobody asked the step to end, so it must be tried again elsewhere.
    throw ApplicationFailure.create({
      type: 'WorkerStopped',
      message: `${name} was left by a worker that stops.`,
    });
  }
  if (error instanceof ApplicationFailure) {
    // Already in Temporal's words: the step itself refused to go on, as its operation was overtaken.
    await record({ state: 'cancelled' });
    tell('cancelled');
    throw error;
  }
  const seen = toStepFailure(error);
  if (!seen) {
    tell('interrupted');
    await noteOwnFailure(deps, name, attempt, error);
    throw error;
  }
  const failure = reasonOf(seen, failed);
  const pauseMs = policy.retryIntervalMs * deps.budgetScale;
  const spent = leftMs !== undefined && spentMs + pauseMs >= leftMs;
  const tooOften = policy.maxAttempts !== undefined && attempt.failures + 1 >= policy.maxAttempts;
  if (policy.direction === 'undo' || (failure.retry && !spent && !tooOften)) {
    const end = { state: 'running', refused: true, failureCode: failure.code } as const;
    await record({ ...end, message: failure.message }, pauseMs);
    tell('retry');
    return { failure, retryInMs: pauseMs };
  }
  const message = failure.retry
    ? `${failure.message.replace(/\.?$/, '.')} Gave up: ${spent ? 'the time for this step is spent' : `tried ${attempt.failures + 1} times`}.`
    : failure.message;
  await record({ state: 'failed', failureCode: failure.code, message });
  tell('failed');
  throw ApplicationFailure.create({ type: failure.code, message, nonRetryable: true });
}
