/**
 * All items of a list that AWS gives in pages. AWS ends it without a token, or now and then with an empty one.
 *
 * @param ask gets one page: the members by which to go on, to be spread into the request
 */
export async function allPages<T>(
  ask: (from: { NextToken?: string }) => Promise<{ items: readonly T[]; nextToken: string | undefined }>,
): Promise<T[]> {
  const all: T[] = [];
  let from: { NextToken?: string } | undefined = {};
  while (from !== undefined) {
    const { items, nextToken } = await ask(from);
    all.push(...items);
    from = nextToken === undefined || nextToken === '' ? undefined : { NextToken: nextToken };
  }
  return all;
}
