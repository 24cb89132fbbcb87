import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { beginStepAttempt, endStepAttempt } from '../database/queries/operation-steps';
import type { StepAttempt } from '../database/queries/operation-steps';
import type { ConnectionErrorCode } from '../keystore/connection-error-code';
import { OPERATION_NOT_RUNNING } from '../keystore/operation';
import type { OperationInput } from '../keystore/operation';
import { CONNECT_BUDGET_MS, stepPolicy } from '../keystore/steps';
import type { StepName } from '../keystore/steps';
import { startActiveClock } from './active-clock';
import type { Dependencies } from './dependencies';
import { toStepFailure } from './step-failure';
import type { StepFailure } from './step-failure';

/** What a step gets beside its own arguments. */
export interface StepContext {
  input: OperationInput;
  /** 1 for the first attempt of this operation's step */
  attempt: number;
  /** aborted when the step is cancelled, or with a time-out when its budget is spent */
  signal: AbortSignal;
  /** why the last attempt failed */
  lastFailureCode?: ConnectionErrorCode;
  /** a note for the operator, kept with the step when it succeeds */
  note(message: string): void;
}

type StepEnd = Parameters<NonNullable<Dependencies['onStepEnd']>>[1];

const HEARTBEAT_EVERY_MS = 500;
/** A forward step is tried at least this long, however little of its budget is left. */
const LEAST_ATTEMPT_MS = 50;

/**
 * Runs one attempt of a step: written down before and after, within the budget (D15), heartbeating all the while.
 * A forward step of an operation that is no longer the running one is refused; undo always runs.
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
  const policy = stepPolicy(name);
  const context = Context.current();
  const attempt = await beginStepAttempt(deps.database.pool, {
    storeId: input.storeId,
    generation: input.generation,
    name,
    always: policy.direction === 'undo',
  });
  if (!attempt || (policy.direction === 'forward' && attempt.operationState !== 'running')) {
    throw ApplicationFailure.create({
      type: OPERATION_NOT_RUNNING,
      message: `Operation ${input.generation} of ${input.storeId} is no longer running: ${name} is not done.`,
      nonRetryable: true,
    });
  }

  const leftMs = budgetLeft(deps, name, input, attempt);
  const timeout = new AbortController();
  const timer =
    leftMs === undefined
      ? undefined
      : setTimeout(
          () => timeout.abort(new DOMException(`The budget of ${name} is spent.`, 'TimeoutError')),
          Math.max(leftMs, LEAST_ATTEMPT_MS),
        );
  const heartbeat = setInterval(() => context.heartbeat(), HEARTBEAT_EVERY_MS);
  const clock = startActiveClock();
  const tell = (end: StepEnd): void => deps.onStepEnd?.(name, end, clock.elapsedMs() / 1_000);
  let note: string | undefined;
  try {
    const result = await work({
      input,
      attempt: attempt.attempt,
      signal: AbortSignal.any([context.cancellationSignal, timeout.signal]),
      ...(attempt.lastFailureCode && { lastFailureCode: attempt.lastFailureCode }),
      note: (message) => {
        note = message;
      },
    });
    await endStepAttempt(
      deps.database.pool,
      { ...attempt, name },
      { state: 'succeeded', spentMs: clock.elapsedMs(), ...(note !== undefined && { message: note }) },
    );
    tell('succeeded');
    return result;
  } catch (error) {
    const ended = { ...attempt, name };
    if (context.cancellationSignal.aborted) {
      const wanted = context.cancellationDetails?.cancelRequested === true;
      await endStepAttempt(deps.database.pool, ended, {
        state: wanted ? 'cancelled' : 'running',
        spentMs: clock.elapsedMs(),
      });
      tell(wanted ? 'cancelled' : 'interrupted');
      if (wanted) throw new CancelledFailure(`${name} was cancelled.`);
      // The worker stops, or was taken for dead: nobody asked the step to end, so it must be tried again elsewhere.
      throw ApplicationFailure.create({
        type: 'WorkerStopped',
        message: `${name} was left by a worker that stops.`,
      });
    }
    if (error instanceof ApplicationFailure) {
      // Already in Temporal's words: the step itself refused to go on (its operation was overtaken).
      await endStepAttempt(deps.database.pool, ended, { state: 'cancelled', spentMs: clock.elapsedMs() });
      tell('cancelled');
      throw error;
    }
    const failure = toStepFailure(error);
    tell(failure ? (failure.retry ? 'retry' : 'failed') : 'interrupted');
    if (!failure) throw ownFailure(deps, name, error);
    return await giveUpOrRetry(deps, name, attempt, failure, {
      elapsedMs: clock.elapsedMs(),
      ...(leftMs !== undefined && { leftMs }),
    });
  } finally {
    clearTimeout(timer);
    clearInterval(heartbeat);
    clock.stop();
  }
}

/** Milliseconds that a forward step may still try; undefined for a step without a budget. */
function budgetLeft(
  deps: Dependencies,
  name: StepName,
  input: OperationInput,
  attempt: StepAttempt,
): number | undefined {
  const policy = stepPolicy(name);
  if (policy.budgetMs === undefined) return undefined;
  const ofStep = policy.budgetMs * deps.budgetScale - attempt.spentMs;
  if (policy.direction === 'undo') return ofStep;
  return Math.min(ofStep, CONNECT_BUDGET_MS[input.type] * deps.budgetScale - attempt.operationSpentMs);
}

async function giveUpOrRetry(
  deps: Dependencies,
  name: StepName,
  attempt: StepAttempt,
  failure: StepFailure,
  time: { elapsedMs: number; leftMs?: number },
): Promise<never> {
  const policy = stepPolicy(name);
  const pauseMs = policy.retryIntervalMs * deps.budgetScale;
  const spent = time.leftMs !== undefined && time.elapsedMs + pauseMs >= time.leftMs;
  const tooOften = policy.maxAttempts !== undefined && attempt.attempt >= policy.maxAttempts;
  const final = policy.direction === 'forward' && (!failure.retry || spent || tooOften);
  const message =
    final && failure.retry ? `${failure.message} Gave up: the time for this step is spent.` : failure.message;
  await endStepAttempt(
    deps.database.pool,
    { ...attempt, name },
    {
      state: final ? 'failed' : 'running',
      spentMs: time.elapsedMs + (final ? 0 : pauseMs),
      failureCode: failure.code,
      message,
    },
  );
  throw ApplicationFailure.create({
    type: failure.code,
    message,
    nonRetryable: final,
    ...(!final && { nextRetryDelay: Math.max(1, Math.round(pauseMs)) }),
  });
}

/**
 * Our own trouble: the database away, or a bug. Only its kind goes into the history, as messages of PostgreSQL carry
 * values; the log has the rest.
 */
function ownFailure(deps: Dependencies, name: StepName, error: unknown): ApplicationFailure {
  deps.logger.error(
    { err: error, step: name },
    'step interrupted by a failure of our own; it will be tried again',
  );
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return ApplicationFailure.create({
    type: 'KeymoorUnavailable',
    message: `${name} was interrupted by a failure of our own${typeof code === 'string' ? ` (${code})` : ''}; see the worker's log.`,
    nonRetryable: false,
  });
}
