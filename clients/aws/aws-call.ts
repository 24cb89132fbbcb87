import { setTimeout as pause } from 'node:timers/promises';
import { isDeadline, throwIfCancelled } from '../call-options';
import type { CallOptions } from '../call-options';
import { AwsCallFailed, classifyAwsFailure, isThrottled } from './aws-failure';
import type { AwsClients } from './aws-clients';

const THROTTLED_TRIES = 4;
/** Before the second try, twice as long before each further one; somewhere between half of that and all of it. */
const FIRST_PAUSE_MS = 100;

/**
 * Makes one AWS call with a deadline over all of it: connection, answer and body. A call that AWS
 * throttles was not made, and is sent again after a short pause: a step of several calls would else begin anew with
 * each of them, and where AWS throttles half of all might never get to its end.
 *
 * @param operation the IAM action, `ec2:CreateNetworkInterface`
 * @throws AwsCallFailed with the classified failure; the reason of `options.signal` if it was cancelled
 */
export async function awsCall<T>(
  clients: AwsClients,
  operation: string,
  options: CallOptions,
  send: (http: { abortSignal: AbortSignal }) => Promise<T>,
): Promise<T> {
  throwIfCancelled(options.signal);
  const timeoutMs = options.timeoutMs ?? clients.requestTimeoutMs;
  // By hand and not by AbortSignal.any: nothing may stay hooked to a signal that lives longer than the call.
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(() => {
    controller.abort(new DOMException(`No answer within ${timeoutMs} ms`, 'TimeoutError'));
  }, timeoutMs);
  if (options.signal?.aborted === true) abort();
  options.signal?.addEventListener('abort', abort, { once: true });
  const { signal } = controller;
  try {
    for (let tries = 1; ; tries++) {
      try {
        return await send({ abortSignal: signal });
      } catch (error) {
        throwIfCancelled(options.signal);
        const cause: unknown = isDeadline(signal.reason) ? signal.reason : error;
        const failure = classifyAwsFailure(cause, operation);
        const last = tries >= (options.throttledTries ?? THROTTLED_TRIES) || signal.aborted;
        if (last || !isThrottled(failure)) throw new AwsCallFailed(failure);
        const longestMs = FIRST_PAUSE_MS * 2 ** (tries - 1);
        await pause(longestMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {
          throwIfCancelled(options.signal);
          // What AWS said tells more than that time ran out while it was waited for.
          throw new AwsCallFailed(failure);
        });
      }
    }
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
  }
}

/**
 * A member that AWS's answer always has.
 * @throws AwsCallFailed `retry` where it is missing: an id must not become an empty string that is then deleted by
 */
export function answered(value: string | undefined, operation: string, member: string): string {
  if (value !== undefined && value !== '') return value;
  throw new AwsCallFailed({
    kind: 'retry',
    network: false,
    operation,
    awsCode: 'IncompleteAnswer',
    message: `${operation} was answered without ${member}: check the endpoint.`,
  });
}
