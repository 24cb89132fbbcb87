import { KMSClient, KMSServiceException } from '@aws-sdk/client-kms';
import type { StateRequest } from '../../../keystore/connection-state';

/**
 * Calls of the KMS API through a storm. No call is repeated by itself, so that each answer is one call's. A call whose
 * answer was lost may have been accepted or not; the database tells later which.
 */

export type Answer<T> =
  | { outcome: 'accepted'; requestId: string; value: T }
  /** the API said no, and by what name */
  | { outcome: 'refused'; requestId: string; name: string }
  /** nobody knows: no answer, or one that says that something broke */
  | { outcome: 'unknown'; requestId?: string; name: string };

/** What is asked for; Update by the member that it changes. */
export type CallRequest = StateRequest | 'Create';

/** A call, as made. */
export interface StoreCall {
  request: CallRequest;
  /** empty: of no store yet, or of all of the account */
  storeId: string;
  accountId: string;
  from: number;
  to: number;
  answer: Answer<unknown>;
  /** what Describe showed */
  seen?: readonly SeenStore[];
}

export interface SeenStore {
  storeId: string;
  state: string;
  code?: string;
}

/** Longer than the API itself waits for engines that are away. */
const PATIENCE_MS = 12_000;

/** How often each call was answered how: call → answer → times. */
export class AnswerCounts {
  readonly counts = new Map<string, Map<string, number>>();

  add(call: string, answer: Answer<unknown>): void {
    const name = answer.outcome === 'accepted' ? 'accepted' : answer.name;
    const of = this.counts.get(call) ?? new Map<string, number>();
    of.set(name, (of.get(name) ?? 0) + 1);
    this.counts.set(call, of);
  }

  /** As they are now. */
  copy(): AnswerCounts {
    const copy = new AnswerCounts();
    for (const [call, answers] of this.counts) copy.counts.set(call, new Map(answers));
    return copy;
  }

  accepted(call: string): number {
    return this.counts.get(call)?.get('accepted') ?? 0;
  }
}

/** Clients of one account, one for each API. */
export function clientsOf(accountId: string, urls: readonly string[]): KMSClient[] {
  return urls.map(
    (endpoint) =>
      new KMSClient({
        endpoint,
        region: 'us-east-1',
        credentials: { accessKeyId: accountId, secretAccessKey: 'test' },
        maxAttempts: 1,
      }),
  );
}

/** Makes one call and classifies what came of it. */
export async function callOnce<T extends { $metadata: { requestId?: string } }>(
  send: (options: { abortSignal: AbortSignal }) => Promise<T>,
): Promise<Answer<T>> {
  try {
    const value = await send({ abortSignal: AbortSignal.timeout(PATIENCE_MS) });
    return { outcome: 'accepted', requestId: value.$metadata.requestId ?? '', value };
  } catch (error) {
    if (!(error instanceof KMSServiceException)) {
      const { code } = error as { code?: unknown };
      return {
        outcome: 'unknown',
        name: `no answer (${typeof code === 'string' ? code : (error as Error).name})`,
      };
    }
    const requestId = error.$metadata.requestId ?? '';
    const broke = error.$fault === 'server' || (error.$metadata.httpStatusCode ?? 500) >= 500;
    return { outcome: broke ? 'unknown' : 'refused', requestId, name: error.name };
  }
}
