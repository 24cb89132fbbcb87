import { AwsCallFailed } from '../clients/aws/aws-failure';
import { markAbandonedGone } from '../database/queries/provisioned-resources';
import { GENERATION_TAG, STORE_TAG } from '../keystore/naming';
import type { Dependencies } from './dependencies';

/** What to sweep: what connects of a store made, of no later generation than given. */
export interface Swept {
  storeId: string;
  accountId: string;
  upToGeneration: number;
  /** what connects of this generation and earlier ones left behind was given up by an operator */
  abandonedUpTo?: number;
}

/** The tag by which everything of a store is found. */
export function tagOf(what: Swept): { Key: string; Value: string } {
  return { Key: STORE_TAG, Value: what.storeId };
}

/** Something that was found by its tag. */
interface Found {
  id: string;
  tags: Readonly<Record<string, string>>;
}

/** Whether an operator gave it up: it is removed where it can be, and waited for by nobody. */
export function wasAbandoned(item: Pick<Found, 'tags'>, what: Swept): boolean {
  return what.abandonedUpTo !== undefined && madeUpTo(item, what.abandonedUpTo);
}

/**
 * Removes something that was found. What was abandoned may refuse to go: it stays in the list of what was left behind,
 * and must not hold up what comes after.
 */
export async function removeFound(
  deps: Pick<Dependencies, 'database'>,
  what: Swept,
  item: Found,
  remove: () => Promise<unknown>,
): Promise<void> {
  const abandoned = wasAbandoned(item, what);
  try {
    await remove();
  } catch (error) {
    if (abandoned && error instanceof AwsCallFailed) return;
    throw error;
  }
  if (abandoned) await markAbandonedGone(deps.database.pool, what.storeId, item.id);
}

/** Whether the connect of this generation or an earlier one made it. */
export function madeUpTo(item: { tags: Readonly<Record<string, string>> }, generation: number): boolean {
  return Number(item.tags[GENERATION_TAG] ?? 0) <= generation;
}
