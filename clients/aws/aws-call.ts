import { isDeadline, throwIfCancelled } from '../call-options';
import type { CallOptions } from '../call-options';
import { AwsCallFailed, classifyAwsFailure } from './aws-failure';
import type { AwsClients } from './aws-clients';

/**
 * Makes one AWS call with a deadline over all of it: connection, answer and body.
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
  try {
    return await send({ abortSignal: controller.signal });
  } catch (error) {
    throwIfCancelled(options.signal);
    const cause: unknown = isDeadline(controller.signal.reason) ? controller.signal.reason : error;
    throw new AwsCallFailed(classifyAwsFailure(cause, operation));
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
