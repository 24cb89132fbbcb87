import { keepFailedProbe } from '../../database/queries/failed-probes';
import { withDeadline } from '../deadline';
import type { Call } from '../operation';

/** For writing it down. The caller waits, so that whoever asks for the reason after the answer finds it. */
const KEEP_MS = 1_000;

/** Why a look at a proxy or its endpoint service failed. */
export interface FailedLook {
  /** an `XksProxyOutcome`, or what was wrong with the endpoint service */
  outcome: string;
  /** for an operator; never a secret */
  message: string;
}

/**
 * Keeps the reason by the request's id, for the admin endpoint's `GET /probes`: there may be no store yet to look at.
 * Never throws: the answer to the caller does not depend on it.
 */
export async function keepFailedLook(call: Call, { outcome, message }: FailedLook): Promise<void> {
  const { requestId, logger } = call;
  const { accountId } = call.caller;
  logger.info({ requestId, accountId, outcome, reason: message }, 'an external key store was refused');
  const keeping = keepFailedProbe(call.services.database.pool, { requestId, accountId, outcome, message });
  await withDeadline(keeping, KEEP_MS, 'keeping the reason').catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    logger.warn({ requestId, outcome, reason }, 'why an external key store was refused could not be kept');
  });
}
