import type { Logger } from 'pino';
import type { Database } from '../../database/database';
import { abandonStore as abandonInDatabase } from '../../database/queries/abandon-store';
import type { AbandonOutcome } from '../../database/queries/abandon-store';
import type { Temporal } from '../../temporal/client';
import { endAbandoned } from '../../temporal/end-abandoned';

/** No longer does anybody wait for Temporal: the disconnect's workflow notices by itself, too. */
const END_WORKFLOW_MS = 2_000;

/**
 * Abandons a store that is DISCONNECTING: the database first, as a whole; then, best effort, the workflow that still
 * works for it. A crash in between harms nothing: the workflow's next attempt finds that it is not due any more, and
 * ends.
 *
 * @param parts whose logger names who does it: that it was done is logged in one line
 * @param token of the preview that the operator saw
 */
export async function abandonStore(
  parts: { database: Database; temporal: Temporal; logger: Logger },
  storeId: string,
  token: string,
): Promise<AbandonOutcome> {
  const outcome = await abandonInDatabase(parts.database, storeId, token);
  if (outcome.kind !== 'abandoned') return outcome;
  const { generation, leftovers } = outcome;
  parts.logger.warn({ storeId, generation, leftovers: leftovers.length }, 'key store abandoned');
  await endAbandoned(parts.temporal, { storeId, generation }, END_WORKFLOW_MS).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    parts.logger.info({ storeId, reason }, 'the workflow of an abandoned key store ends by itself');
  });
  return outcome;
}

/** What to tell an operator whose store was not abandoned. */
export function whyNotAbandoned(
  storeId: string,
  outcome: Exclude<AbandonOutcome, { kind: 'abandoned' }>,
): string {
  switch (outcome.kind) {
    case 'no-such-store':
      return `There is no custom key store ${storeId}.`;
    case 'changed':
      return `${storeId} is not as it was when you looked. Nothing was abandoned: look again.`;
    case 'wrong-state':
      return `${storeId} is ${outcome.connectionState}; only a store that is DISCONNECTING can be abandoned.${
        HINTS[outcome.connectionState] ?? ''
      }`;
  }
}

const HINTS: Readonly<Record<string, string>> = {
  FAILED: ' Disconnect it first, which also removes what its connect built.',
  CONNECTED: ' Disconnect it first.',
  CONNECTING: ' Disconnect it first.',
  DISCONNECTED: ' It is done.',
};
