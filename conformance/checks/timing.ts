import { CheckFailed } from '../check-failed';
import { Conversation } from '../conversation';
import { durations } from '../statistics';
import type { LoadResult } from '../statistics';
import type { Operation } from '../specification';
import { OPERATION_NAMES } from '../specification';
import { keepingAgent } from '../wire';

/** Encryptions on each connection of the load check. */
const REQUESTS_PER_CONNECTION = 50;
/** Share of requests over the limit above which the load check fails. */
const MOST_OVER_LIMIT = 0.01;

/**
 * Requests on fresh connections, TCP and TLS included. One over the limit is sent once more, as KMS does, and fails
 * the check where it is late again.
 */
export async function checkTimeLimit(
  conversation: Conversation,
  { operation, requests }: { operation: Operation; requests: number },
): Promise<void> {
  const { limitMs } = conversation.proxy;
  // made before the clock runs
  if (operation === 'decrypt') await conversation.encryption();
  for (let sent = 0; sent < requests; sent++) {
    const first = await conversation.sendWell({ operation });
    if (first.answer.totalMs <= limitMs) continue;
    const second = await conversation.sendWell({ operation });
    if (second.answer.totalMs <= limitMs) continue;
    throw new CheckFailed(
      `${OPERATION_NAMES[operation]} took ${first.answer.totalMs.toFixed(0)} ms and, repeated, ${second.answer.totalMs.toFixed(0)} ms; KMS waits ${limitMs} ms`,
    );
  }
}

/** Encryptions over as many connections at once as the proxy is checked with, 50 on each, one after another. */
export async function checkLoad(conversation: Conversation): Promise<void> {
  const { proxy, signal } = conversation;
  const connections = proxy.load ?? 1;
  // a conversation of its own: its durations are not those of single requests
  const load = new Conversation(proxy, signal);
  const problems: string[] = [];
  const oneConnection = async (): Promise<void> => {
    const agent = keepingAgent();
    try {
      for (let sent = 0; sent < REQUESTS_PER_CONNECTION; sent++) {
        await load.sendWell({ operation: 'encrypt' }, { agent }).catch((error: unknown) => {
          if (!(error instanceof CheckFailed)) throw error;
          problems.push(error.message);
        });
      }
    } finally {
      agent.destroy();
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: connections }, oneConnection));
  const requests = connections * REQUESTS_PER_CONNECTION;
  const result: LoadResult = {
    ...durations(
      load.timings.map(({ totalMs }) => totalMs),
      proxy.limitMs,
    ),
    connections,
    requests,
    failed: problems.length,
    perSecond: requests / ((performance.now() - startedAt) / 1_000),
  };
  conversation.loadResult = result;
  const problem = problemOf(result, proxy.limitMs, problems[0]);
  if (problem !== undefined) throw new CheckFailed(problem);
}

function problemOf(result: LoadResult, limitMs: number, first: string | undefined): string | undefined {
  if (first !== undefined) {
    return `${result.failed} of ${result.requests} requests over ${result.connections} connections failed; the first: ${first}`;
  }
  if (result.shareOverLimit <= MOST_OVER_LIMIT) return undefined;
  return `${(result.shareOverLimit * 100).toFixed(1)} % of ${result.requests} requests took longer than ${limitMs} ms (p99 ${result.p99.toFixed(0)} ms), expected at most ${MOST_OVER_LIMIT * 100} %`;
}
