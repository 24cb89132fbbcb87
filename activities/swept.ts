import { AwsCallFailed } from '../clients/aws/aws-failure';
import type { AwsFailureKind } from '../clients/aws/aws-failure';
import { markAbandonedGone, nameAbandoned } from '../database/queries/provisioned-resources';
import type { FoundResource } from '../database/queries/provisioned-resources';
import { GENERATION_TAG, STORE_TAG } from '../keystore/naming';
import type { Dependencies } from './dependencies';

/** What to sweep: what connects of a store made, of no later generation than given. */
export interface Swept {
  storeId: string;
  accountId: string;
  upToGeneration: number;
  /** what connects of this generation and earlier ones left behind was given up by an operator */
  abandonedUpTo?: number;
  /** of the release that sweeps; none: a look that comes again by itself, or that nothing depends on */
  attempt?: number;
}

/**
 * Attempts of a release that take such a failure for a passing one, about a minute for what may pass by itself; AWS also
 * takes a group for used for a moment after its interfaces are gone. Every other failure is a refusal at once.
 */
const PASSING_ATTEMPTS: Partial<Record<AwsFailureKind, number>> = { retry: 12, 'dependency-violation': 2 };

/**
 * Whether AWS refuses to remove something that was abandoned, and not only at this moment. No failure is waited for
 * for ever: one of those that pass by themselves may come each time, too.
 */
export function isRefused(error: unknown, { attempt = Infinity }: Swept): error is AwsCallFailed {
  return error instanceof AwsCallFailed && attempt > (PASSING_ATTEMPTS[error.failure.kind] ?? 0);
}

/** The tag by which everything of a store is found. */
export function tagOf(what: Swept): { Key: string; Value: string } {
  return { Key: STORE_TAG, Value: what.storeId };
}

/** Something that was found by its tag. */
interface Found extends Pick<FoundResource, 'kind' | 'request'> {
  id: string;
  tags: Readonly<Record<string, string>>;
}

/** Whether an operator gave it up: it is removed where it can be, and waited for by nobody. */
export function wasAbandoned(item: Pick<Found, 'tags'>, what: Swept): boolean {
  return what.abandonedUpTo !== undefined && madeUpTo(item, what.abandonedUpTo);
}

/**
 * Removes something that was found. What was abandoned may refuse to go: it stays in the list of what was left behind,
 * by its id from now on, and must not hold up what comes after.
 */
export async function removeFound(
  deps: Pick<Dependencies, 'database'>,
  what: Swept,
  item: Found,
  remove: () => Promise<unknown>,
): Promise<void> {
  if (!wasAbandoned(item, what)) {
    await remove();
    return;
  }
  const { kind, id, tags, request } = item;
  const { pool } = deps.database;
  await nameAbandoned(pool, what.storeId, { kind, providerId: id, generation: generationOf(tags), request });
  try {
    await remove();
  } catch (error) {
    if (isRefused(error, what)) return;
    throw error;
  }
  await markAbandonedGone(pool, what.storeId, id);
}

/** Whether the connect of this generation or an earlier one made it. */
export function madeUpTo(item: { tags: Readonly<Record<string, string>> }, generation: number): boolean {
  return generationOf(item.tags) <= generation;
}

function generationOf(tags: Readonly<Record<string, string>>): number {
  return Number(tags[GENERATION_TAG] ?? 0);
}
