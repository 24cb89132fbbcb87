import type { Queryable } from '../database';

/** Why a synchronous Create or Update of an external key store failed. */
export interface FailedProbe {
  /** of the KMS request */
  requestId: string;
  at: Date;
  accountId: string;
  /** an `XksProxyOutcome`, or what was wrong with the endpoint service */
  outcome: string;
  /** for an operator; never a secret */
  message: string;
}

/** Writes down why a look outside failed, and forgets those that are older than a day. */
export async function keepFailedProbe(db: Queryable, probe: Omit<FailedProbe, 'at'>): Promise<void> {
  await db.query(
    `WITH old AS (DELETE FROM failed_probes WHERE at < now() - interval '1 day')
     INSERT INTO failed_probes (request_id, account_id, outcome, message) VALUES ($1, $2, $3, $4)
     ON CONFLICT (request_id) DO NOTHING`,
    [probe.requestId, probe.accountId, probe.outcome, probe.message],
  );
}

/** The failed look of a request of the last day, or undefined. */
export async function findFailedProbe(db: Queryable, requestId: string): Promise<FailedProbe | undefined> {
  const { rows } = await db.query<{
    request_id: string;
    at: Date;
    account_id: string;
    outcome: string;
    message: string;
  }>(
    `SELECT request_id, at, account_id, outcome, message FROM failed_probes
     WHERE request_id = $1 AND at >= now() - interval '1 day'`,
    [requestId],
  );
  const row = rows[0];
  return (
    row && {
      requestId: row.request_id,
      at: row.at,
      accountId: row.account_id,
      outcome: row.outcome,
      message: row.message,
    }
  );
}
