import { GENERATION_TAG, STORE_TAG } from '../keystore/naming';

/** What to sweep: what connects of a store made, of no later generation than given. */
export interface Swept {
  storeId: string;
  accountId: string;
  upToGeneration: number;
}

/** The tag by which everything of a store is found. */
export function tagOf(what: Swept): { Key: string; Value: string } {
  return { Key: STORE_TAG, Value: what.storeId };
}

/** Whether the connect of this generation or an earlier one made it. */
export function madeUpTo(item: { tags: Readonly<Record<string, string>> }, generation: number): boolean {
  return Number(item.tags[GENERATION_TAG] ?? 0) <= generation;
}
