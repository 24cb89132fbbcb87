import type { Queryable } from '../database';

/**
 * What a connect builds, and for each kind the parameters of the request that creates it, to repeat it word for word.
 * A hosted zone's record is part of its zone: it comes and goes with it.
 */
export interface ResourceRequests {
  'security-group': { clusterId: string; vpcId: string };
  'network-interface': { clusterId: string; vpcId: string; subnetId: string; groupIds: string[] };
  'vpc-endpoint': { serviceName: string; vpcId: string; subnetIds: string[] };
  'hosted-zone': { name: string; vpcId: string };
}
export type ResourceKind = keyof ResourceRequests;

/** What every row of the ledger has. */
interface EntryCommon {
  /** UUID: also the request's `ClientToken` or `CallerReference` */
  id: string;
  storeId: string;
  accountId: string;
  generation: number;
  slot: string;
  providerId?: string;
  /** `abandoned`: an operator gave it up; it may be there or not, and nobody answers for it */
  state: 'planned' | 'created' | 'released' | 'abandoned';
}

/** A row of the ledger of one kind. */
export type EntryOf<K extends ResourceKind> = EntryCommon & { kind: K; request: ResourceRequests[K] };
/** A row of the ledger. */
export type LedgerEntry = { [K in ResourceKind]: EntryOf<K> }[ResourceKind];

/** Those of one kind. */
export function ofKind<K extends ResourceKind>(entries: readonly LedgerEntry[], kind: K): EntryOf<K>[] {
  return entries.filter((entry) => entry.kind === kind) as EntryOf<K>[];
}

/** What a store's connects still have to answer for. */
const UNRELEASED = `state IN ('planned', 'created')`;
/** What of AWS's an operator gave up: a session of kmsuser, which is on the same list, is none of it. */
const ABANDONED = `state = 'abandoned' AND kind <> 'hsm-session'`;

interface LedgerRow {
  id: string;
  custom_key_store_id: string;
  account_id: string;
  generation: number;
  kind: ResourceKind;
  slot: string;
  request: ResourceRequests[ResourceKind];
  provider_id: string | null;
  state: LedgerEntry['state'];
}

function toEntry(row: LedgerRow): LedgerEntry {
  return {
    id: row.id,
    storeId: row.custom_key_store_id,
    accountId: row.account_id,
    generation: row.generation,
    kind: row.kind,
    slot: row.slot,
    request: row.request,
    ...(row.provider_id && { providerId: row.provider_id }),
    state: row.state,
    // Kind and request were written together.
  } as LedgerEntry;
}

/** What is about to be created, of one kind. */
export interface PlannedOf<K extends ResourceKind> {
  kind: K;
  /** what makes it one of its kind in the store: the subnet for an interface, '' for all others */
  slot: string;
  request: ResourceRequests[K];
}
/** What is about to be created. */
export type PlannedResource = { [K in ResourceKind]: PlannedOf<K> }[ResourceKind];

/**
 * Writes down what is about to be created, before any request leaves. A slot that is taken keeps its entry (and its
 * token and request). Only while the operation is the running one: otherwise undefined, and nothing may be created.
 * Returns the entries of the slots asked for, without those that another attempt is planning at this very moment.
 */
export async function planResources(
  db: Queryable,
  operation: { storeId: string; generation: number },
  resources: PlannedResource[],
): Promise<LedgerEntry[] | undefined> {
  const { rows } = await db.query<LedgerRow & { running: boolean }>({
    name: 'plan-resources',
    text: `WITH op AS (
       SELECT custom_key_store_id, account_id, generation FROM operations
       WHERE custom_key_store_id = $1 AND generation = $2 AND state = 'running' FOR SHARE
     ), wanted AS (
       SELECT kind, slot, request FROM jsonb_to_recordset($3::jsonb) AS w (kind text, slot text, request jsonb)
     ), planned AS (
       INSERT INTO provisioned_resources (custom_key_store_id, account_id, generation, kind, slot, request)
       SELECT op.custom_key_store_id, op.account_id, op.generation, w.kind, w.slot, w.request FROM op, wanted w
       ON CONFLICT (custom_key_store_id, kind, slot) WHERE ${UNRELEASED} DO NOTHING
       RETURNING *
     )
     SELECT * FROM planned
     UNION ALL
     SELECT p.* FROM provisioned_resources p
     JOIN wanted w ON w.kind = p.kind AND w.slot = p.slot
     JOIN op ON op.custom_key_store_id = p.custom_key_store_id
     WHERE p.${UNRELEASED}`,
    values: [operation.storeId, operation.generation, JSON.stringify(resources)],
  });
  if (rows.length > 0) return rows.map(toEntry);
  // None planned and none seen: another attempt planned them at this very moment, or the operation is over.
  const { rows: running } = await db.query(
    `SELECT 1 FROM operations WHERE custom_key_store_id = $1 AND generation = $2 AND state = 'running'`,
    [operation.storeId, operation.generation],
  );
  return running.length > 0 ? [] : undefined;
}

/**
 * The provider answered: the resource exists under this id. Fenced by nothing: what exists must be known. An entry
 * that was released meanwhile stays released and says so: a worker that was frozen made it all the same, and it is
 * looked for from now on, for `watchMs`. One that was abandoned stays so: the list of what was left behind gets its id.
 */
export async function markCreated(
  db: Queryable,
  id: string,
  providerId: string,
  watchMs: number,
): Promise<'created' | 'released-meanwhile'> {
  const { rows } = await db.query<{ state: string }>({
    name: 'mark-created',
    text: `UPDATE provisioned_resources
     SET provider_id = $2, state = CASE WHEN state = 'planned' THEN 'created' ELSE state END,
       watch_until = CASE WHEN state = 'released'
         THEN greatest(watch_until, now() + $3 * interval '1 millisecond') ELSE watch_until END
     WHERE id = $1 RETURNING state`,
    values: [id, providerId, watchMs],
  });
  return rows[0]?.state === 'created' ? 'created' : 'released-meanwhile';
}

/** Everything of a store that is not released, in the order in which it was planned. */
export async function listUnreleased(db: Queryable, storeId: string): Promise<LedgerEntry[]> {
  const { rows } = await db.query<LedgerRow>({
    name: 'list-unreleased',
    text: `SELECT * FROM provisioned_resources WHERE custom_key_store_id = $1 AND ${UNRELEASED}
     ORDER BY planned_at, kind DESC, slot`,
    values: [storeId],
  });
  return rows.map(toEntry);
}

/**
 * Its create, which has no token, is about to be sent once more: an earlier request may still arrive, even when what
 * this one makes has come and gone. So it is looked for during `watchMs` once the store has nothing built.
 */
export async function watchForEarlierRequest(db: Queryable, id: string, watchMs: number): Promise<void> {
  await db.query(
    `UPDATE provisioned_resources SET watch_until = greatest(watch_until, now() + $2 * interval '1 millisecond')
     WHERE id = $1`,
    [id, watchMs],
  );
}

/** Where its entry was released meanwhile, it is looked for during `watchMs` from now on. */
export async function watchIfReleased(db: Queryable, id: string, watchMs: number): Promise<void> {
  await db.query(
    `UPDATE provisioned_resources SET watch_until = greatest(watch_until, now() + $2 * interval '1 millisecond')
     WHERE id = $1 AND state = 'released'`,
    [id, watchMs],
  );
}

/**
 * The resource is gone, or never was. With `watchMs` it is looked for during that time all the same: its create
 * was never answered, and a request that was only held up may still make it. A watch is never cut short. Where it is
 * what an earlier connect left behind and an operator abandoned (a group is found again by its name), that is gone, too.
 */
export async function markReleased(db: Queryable, id: string, watchMs?: number): Promise<void> {
  await db.query(
    `UPDATE provisioned_resources p SET state = 'released', released_at = now(),
       watch_until = greatest(p.watch_until, now() + $2 * interval '1 millisecond')
     FROM (SELECT custom_key_store_id, provider_id FROM provisioned_resources WHERE id = $1) own
     WHERE p.custom_key_store_id = own.custom_key_store_id
       AND (p.id = $1 OR p.state = 'abandoned' AND p.provider_id = own.provider_id)`,
    [id, watchMs ?? null],
  );
}

/** A store that may still be surprised by a request from before. */
export interface WatchedStore {
  storeId: string;
  accountId: string;
  /** generation of the last create that went unanswered: what is younger is not for the sweep */
  upToGeneration: number;
  /** of what is watched */
  kinds: ResourceKind[];
  /** what connects of this generation and earlier ones left behind was given up: it may refuse to go */
  abandonedUpTo?: number;
  /** by the database's clock, when the list was made */
  listedAt: Date;
}

/**
 * Stores with unanswered creates, each once, as long as nothing of theirs is in the ledger. A watch that is over is
 * listed until `endWatches`, so that it ends with a look even where no worker was up in its time; but no longer than
 * a day, as an account may have become closed to us. In no order: where there are more than `limit`, each has its turn.
 */
export async function listWatchedStores(db: Queryable, limit: number): Promise<WatchedStore[]> {
  const { rows } = await db.query<{
    custom_key_store_id: string;
    account_id: string;
    generation: number;
    kinds: ResourceKind[];
    abandoned_up_to: number | null;
    listed_at: Date;
  }>(
    `SELECT p.custom_key_store_id, p.account_id, max(p.generation) AS generation,
       array_agg(DISTINCT p.kind) AS kinds, now() AS listed_at,
       (SELECT max(a.generation) FROM provisioned_resources a
        WHERE a.custom_key_store_id = p.custom_key_store_id AND a.${ABANDONED}) AS abandoned_up_to
     FROM provisioned_resources p
     WHERE p.watch_until > now() - interval '1 day'
       AND NOT EXISTS (SELECT 1 FROM provisioned_resources q
                       WHERE q.custom_key_store_id = p.custom_key_store_id AND q.${UNRELEASED})
     GROUP BY p.custom_key_store_id, p.account_id
     ORDER BY random() LIMIT $1`,
    [limit],
  );
  return rows.map((row) => ({
    storeId: row.custom_key_store_id,
    accountId: row.account_id,
    upToGeneration: row.generation,
    kinds: row.kinds,
    ...(row.abandoned_up_to !== null && { abandonedUpTo: row.abandoned_up_to }),
    listedAt: row.listed_at,
  }));
}

/** A look at a watched store is done: the watches that were over when it began end. */
export async function endWatches(db: Queryable, store: WatchedStore): Promise<void> {
  await db.query(
    `UPDATE provisioned_resources SET watch_until = NULL
     WHERE custom_key_store_id = $1 AND watch_until <= $2 AND state = 'released'`,
    [store.storeId, store.listedAt],
  );
}

/**
 * The hosted zones of a store that may be there although no connect answers for them: those that are released and still
 * looked for, as their creates may have gone unanswered, and those that were abandoned.
 */
export async function listStrayZones(
  db: Queryable,
  storeId: string,
  upToGeneration: number,
): Promise<EntryOf<'hosted-zone'>[]> {
  const { rows } = await db.query<LedgerRow>(
    `SELECT * FROM provisioned_resources
     WHERE custom_key_store_id = $1 AND kind = 'hosted-zone' AND generation <= $2
       AND (state = 'abandoned' OR state = 'released' AND watch_until IS NOT NULL)`,
    [storeId, upToGeneration],
  );
  return rows.map((row) => toEntry(row) as EntryOf<'hosted-zone'>);
}

/** What was ever planned for a store; undefined where nothing was. */
export async function summarizeLedger(
  db: Queryable,
  storeId: string,
): Promise<{ abandonedUpTo?: number } | undefined> {
  const { rows } = await db.query<{ planned: string; abandoned_up_to: number | null }>(
    `SELECT count(*) AS planned, max(generation) FILTER (WHERE ${ABANDONED}) AS abandoned_up_to
     FROM provisioned_resources WHERE custom_key_store_id = $1`,
    [storeId],
  );
  const [row] = rows;
  if (!row || row.planned === '0') return undefined;
  return row.abandoned_up_to === null ? {} : { abandonedUpTo: row.abandoned_up_to };
}

/** Something that was found, and what tells which entry made it. */
export interface FoundResource {
  kind: ResourceKind;
  providerId: string;
  /** of the connect that made it, by its tag */
  generation: number;
  /** members of the request that made it: an interface's subnet, a group's VPC */
  request: { subnetId?: string; vpcId?: string };
}

/**
 * Gives an abandoned entry that was only planned the id of what it made, by which it is then marked. A group is known
 * by its name, which is the store's, in its VPC, whichever connect made it; everything else by its tag, where no other
 * entry of that connect made it.
 */
export async function nameAbandoned(db: Queryable, storeId: string, found: FoundResource): Promise<void> {
  await db.query(
    `UPDATE provisioned_resources p SET provider_id = $3
     WHERE p.custom_key_store_id = $1 AND p.kind = $2 AND p.state = 'abandoned' AND p.provider_id IS NULL
       AND p.request @> $4::jsonb
       AND (p.kind = 'security-group' OR p.generation = $5 AND NOT EXISTS (
         SELECT 1 FROM provisioned_resources q
         WHERE q.custom_key_store_id = $1 AND q.provider_id = $3 AND q.generation = $5))`,
    [storeId, found.kind, found.providerId, JSON.stringify(found.request), found.generation],
  );
}

/**
 * A later connect used again what was abandoned (a group, found by its name), and it still cannot be removed: the entry
 * of that connect is abandoned, too. Returns whether it was such a thing: else nothing is changed.
 */
export async function abandonAgain(db: Queryable, id: string): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE provisioned_resources p SET state = 'abandoned', abandoned_at = now(), watch_until = NULL
     WHERE p.id = $1 AND p.${UNRELEASED} AND EXISTS (
       SELECT 1 FROM provisioned_resources a
       WHERE a.custom_key_store_id = p.custom_key_store_id AND a.provider_id = p.provider_id
         AND a.state = 'abandoned')`,
    [id],
  );
  return rowCount === 1;
}

/** What was abandoned under this id is gone after all. */
export async function markAbandonedGone(db: Queryable, storeId: string, providerId: string): Promise<void> {
  await db.query(
    `UPDATE provisioned_resources SET state = 'released', released_at = now()
     WHERE custom_key_store_id = $1 AND provider_id = $2 AND state = 'abandoned'`,
    [storeId, providerId],
  );
}
