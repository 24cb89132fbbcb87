import type { Case } from './case';
import { casesFor } from './cases';
import { CheckFailed } from './check-failed';
import { Conversation } from './conversation';
import type { Timing } from './conversation';
import type { ProxyUnderTest } from './proxy-under-test';
import { runCheck } from './run-check';
import type { LoadResult } from './statistics';

/**
 * How a check ended, in view of what was known before: `known` is a failure that the baseline names, `fixed` a
 * success of what it names.
 */
export type Verdict = 'ok' | 'failed' | 'known' | 'fixed';

/** A check that was made. */
export interface CheckResult {
  case: Case;
  verdict: Verdict;
  /** of a failure: what was expected and what came, one line */
  message?: string;
  milliseconds: number;
}

/** All that a run found out. */
export interface CheckRun {
  proxy: ProxyUnderTest;
  startedAt: Date;
  results: readonly CheckResult[];
  timings: readonly Timing[];
  load?: LoadResult;
}

/** How a run is made. */
export interface RunOptions {
  signal: AbortSignal;
  /** ids of checks that are known to fail */
  knownFailures: ReadonlySet<string>;
  /** those of the due checks that are wanted; without it all */
  wants?: (one: Case) => boolean;
  /** told of each check as soon as it was made */
  onResult?: (result: CheckResult) => void;
}

/**
 * Makes every check that is due, one after another. A check whose prerequisite is missing fails; none is skipped.
 *
 * @throws the signal's reason where it was aborted
 */
export async function runChecks(proxy: ProxyUnderTest, options: RunOptions): Promise<CheckRun> {
  const conversation = new Conversation(proxy, options.signal);
  const startedAt = new Date();
  const results: CheckResult[] = [];
  let unreachable = false;
  for (const one of casesFor(proxy).filter(options.wants ?? (() => true))) {
    options.signal.throwIfAborted();
    const begunAt = performance.now();
    const failure: string | undefined =
      unreachable && one.check.kind !== 'tls'
        ? 'not tried: the proxy cannot be reached (see the check "reachable")'
        : await failureOf(conversation, one);
    if (one.check.kind === 'reachable') unreachable = failure !== undefined;
    const known = options.knownFailures.has(one.id);
    const result: CheckResult = {
      case: one,
      verdict: failure === undefined ? (known ? 'fixed' : 'ok') : known ? 'known' : 'failed',
      milliseconds: performance.now() - begunAt,
      ...(failure === undefined ? {} : { message: withoutCredential(proxy, failure) }),
    };
    results.push(result);
    options.onResult?.(result);
  }
  return {
    proxy,
    startedAt,
    results,
    timings: conversation.timings,
    ...(conversation.loadResult === undefined ? {} : { load: conversation.loadResult }),
  };
}

/** Whether anything failed that was not known to. */
export function hasNewFailures({ results }: Pick<CheckRun, 'results'>): boolean {
  return results.some(({ verdict }) => verdict === 'failed');
}

async function failureOf(conversation: Conversation, { check }: Case): Promise<string | undefined> {
  try {
    await runCheck(conversation, check);
    return undefined;
  } catch (error) {
    if (!(error instanceof CheckFailed)) throw error;
    return error.message.replace(/\s+/g, ' ');
  }
}

/** A proxy may say anything in its answers, its own secret included. */
function withoutCredential({ credential }: ProxyUnderTest, message: string): string {
  return message.replaceAll(credential.rawSecretAccessKey, '***').replaceAll(credential.accessKeyId, '***');
}
