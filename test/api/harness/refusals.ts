import type { ApiUnderTest } from './api-under-test';

/** All that the database keeps of an account's stores: their rows and their secrets, as they are. */
export async function storedOf(
  under: ApiUnderTest,
  accountId: string,
): Promise<{ stores: unknown[]; secrets: unknown[] }> {
  const stores = await under.sql.query<object>(
    'SELECT * FROM custom_key_stores WHERE account_id = $1 ORDER BY id',
    [accountId],
  );
  const secrets = await under.sql.query<object>(
    `SELECT s.* FROM secrets s JOIN custom_key_stores k ON k.id = s.custom_key_store_id
     WHERE k.account_id = $1 ORDER BY s.custom_key_store_id, s.kind, s.slot`,
    [accountId],
  );
  return { stores: stores.rows, secrets: secrets.rows };
}

/** Nothing of an account. */
export const NOTHING_STORED = { stores: [], secrets: [] };

/** What the admin endpoint tells of a failed look. */
export interface KeptProbe {
  requestId: string;
  at: string;
  accountId: string;
  outcome: string;
  message: string;
}

/** The SDK's error of a refused call, with its request's id. */
export interface Refusal {
  name: string;
  message: string;
  requestId: string;
  httpStatus: number;
}

/** Awaits a refusal; a call that succeeds fails the test. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  const error: unknown = await call.then(
    () => {
      throw new Error('the call was accepted');
    },
    (reason: unknown) => reason,
  );
  const { name, message, $metadata } = error as Error & {
    $metadata?: { requestId?: string; httpStatusCode?: number };
  };
  if ($metadata === undefined) throw error;
  return { name, message, requestId: $metadata.requestId ?? '', httpStatus: $metadata.httpStatusCode ?? 0 };
}

/** What `GET /probes` tells of a request, or undefined where it answers 404. */
export async function keptProbe(under: ApiUnderTest, requestId: string): Promise<KeptProbe | undefined> {
  const answer = await fetch(`${under.api.adminUrl}/probes?requestId=${requestId}`);
  if (answer.status === 404) return undefined;
  if (answer.status !== 200) throw new Error(`GET /probes: ${answer.status}`);
  return (await answer.json()) as KeptProbe;
}
