import { createHash } from 'node:crypto';
import { nextState } from '../../keystore/connection-state';
import type { ConnectionState } from '../../keystore/connection-state';
import { inTransaction } from '../database';
import type { Database, Queryable } from '../database';
import type { ResourceKind } from './provisioned-resources';

/** Something that a connect built, or was about to build, and that stays behind in the world. */
export interface Leftover {
  /** `hsm-session`: kmsuser may be logged in; only in the list of what was given up */
  kind: ResourceKind | 'hsm-session';
  /** of a session its cluster; undefined: it was planned, and may have been made */
  providerId?: string;
  /** the AWS account that it is in */
  accountId: string;
  /** the subnet of an interface, '' for all others */
  slot: string;
  /** of the connect that planned it */
  generation: number;
  plannedAt: Date;
}

/** Something that was given up. */
export interface AbandonedLeftover extends Leftover {
  abandonedAt: Date;
  /** when it was found and removed, or known to be gone, after all; of a session: when a later login ended it */
  releasedAt?: Date;
}

/** What would stay behind if a store were abandoned now. */
export interface AbandonPreview {
  storeId: string;
  name: string;
  accountId: string;
  connectionState: ConnectionState;
  /** oldest first */
  leftovers: Leftover[];
  /** kmsuser may still be logged in: the handle of a session is kept */
  sessionOpen: boolean;
  /** names exactly this state of things; whoever abandons says which one they saw */
  token: string;
}

/** How it ended. */
export type AbandonOutcome =
  | { kind: 'abandoned'; leftovers: Leftover[]; generation: number }
  /** only a store that is DISCONNECTING can be abandoned */
  | { kind: 'wrong-state'; connectionState: ConnectionState }
  /** not what was looked at: look again */
  | { kind: 'changed' }
  | { kind: 'no-such-store' };

interface LeftoverRow {
  id: string;
  kind: Leftover['kind'];
  provider_id: string | null;
  account_id: string;
  slot: string;
  generation: number;
  state: string;
  planned_at: string;
}

interface PreviewRow {
  id: string;
  name: string;
  account_id: string;
  connection_state: ConnectionState;
  generation: number;
  row_version: number;
  session_open: boolean;
  leftovers: LeftoverRow[];
}

/** One statement, so that all of it is of one moment. */
const PREVIEW = `
  SELECT s.id, s.name, s.account_id, s.connection_state, s.generation, s.row_version,
    EXISTS (SELECT 1 FROM secrets x WHERE x.custom_key_store_id = s.id AND x.kind = 'hsm-session') AS session_open,
    coalesce((SELECT json_agg(json_build_object('id', r.id, 'kind', r.kind, 'provider_id', r.provider_id,
        'account_id', r.account_id, 'slot', r.slot, 'generation', r.generation, 'state', r.state,
        'planned_at', r.planned_at) ORDER BY r.planned_at, r.kind DESC, r.slot)
      FROM provisioned_resources r
      WHERE r.custom_key_store_id = s.id AND r.state IN ('planned', 'created')), '[]'::json) AS leftovers
  FROM custom_key_stores s WHERE s.id = $1`;

/** What would stay behind; undefined where there is no such store (any more). */
export async function previewAbandon(db: Queryable, storeId: string): Promise<AbandonPreview | undefined> {
  const row = await readPreview(db, storeId);
  return row && toPreview(row);
}

/**
 * Gives up what a disconnect cannot remove, all or nothing: what is in the ledger is `abandoned` from now on, the
 * disconnect `cancelled`, the store DISCONNECTED with the next generation, which fences whatever still works for the
 * disconnect. The handle of kmsuser's session is erased; that there was one is kept with the rest. Only while things are
 * as they were when `token` was given out; a disconnect that finishes at this very moment wins or loses as a whole.
 */
export async function abandonStore(
  database: Database,
  storeId: string,
  token: string,
): Promise<AbandonOutcome> {
  return inTransaction(database, async (tx) => {
    // Whoever accepts or ends an operation takes this lock first, too.
    await tx.query('SELECT 1 FROM custom_key_stores WHERE id = $1 FOR UPDATE', [storeId]);
    // A release that is under way writes down what it finds without asking for the store.
    await tx.query(
      `SELECT 1 FROM provisioned_resources WHERE custom_key_store_id = $1 AND state IN ('planned', 'created')
       ORDER BY id FOR UPDATE`,
      [storeId],
    );
    const row = await readPreview(tx, storeId);
    if (!row) return { kind: 'no-such-store' };
    const target = nextState(row.connection_state, 'abandoned');
    if (target === undefined) return { kind: 'wrong-state', connectionState: row.connection_state };
    const preview = toPreview(row);
    if (preview.token !== token) return { kind: 'changed' };
    await tx.query(
      `UPDATE custom_key_stores
       SET connection_state = $2, connection_error_code = NULL, generation = generation + 1, row_version = row_version + 1
       WHERE id = $1`,
      [storeId, target],
    );
    await tx.query(
      `WITH ended AS (
         UPDATE operations
         SET state = CASE WHEN state = 'running' THEN 'cancelled' ELSE state END,
             finished_at = coalesce(finished_at, now()), settled_at = now()
         WHERE custom_key_store_id = $1 AND settled_at IS NULL
         RETURNING id
       )
       UPDATE operation_steps s SET state = 'cancelled', finished_at = now()
       FROM ended WHERE s.operation_id = ended.id AND s.state = 'running'`,
      [storeId],
    );
    await tx.query(
      `UPDATE provisioned_resources SET state = 'abandoned', abandoned_at = now(), watch_until = NULL
       WHERE custom_key_store_id = $1 AND state IN ('planned', 'created')`,
      [storeId],
    );
    await tx.query(
      `WITH erased AS (
         DELETE FROM secrets WHERE custom_key_store_id = $1 AND kind = 'hsm-session' RETURNING version
       )
       INSERT INTO provisioned_resources
         (custom_key_store_id, account_id, generation, kind, slot, request, provider_id, state, abandoned_at)
       SELECT s.id, s.account_id, e.generation, 'hsm-session', '', '{}', s.cloud_hsm_cluster_id, 'abandoned', now()
       FROM custom_key_stores s, (SELECT max(version) AS generation FROM erased) e
       WHERE s.id = $1 AND e.generation IS NOT NULL`,
      [storeId],
    );
    return { kind: 'abandoned', leftovers: preview.leftovers, generation: row.generation };
  });
}

/** When a connect after it logged in to the cluster of a session, which ended it: a login ends its owner's earlier one. */
const SESSION_ENDED = `(
  SELECT min(step.finished_at)
  FROM operations o
  JOIN operation_steps step ON step.operation_id = o.id AND step.name = 'loginKmsuser' AND step.state = 'succeeded'
  JOIN provisioned_resources g ON g.custom_key_store_id = o.custom_key_store_id AND g.kind = 'security-group'
    AND g.generation = o.generation AND g.request->>'clusterId' = r.provider_id
  WHERE o.custom_key_store_id = r.custom_key_store_id AND o.generation > r.generation)`;

/** What was ever abandoned of a store, deleted or not, oldest first; undefined for an id that never was. */
export async function listAbandoned(
  db: Queryable,
  storeId: string,
): Promise<AbandonedLeftover[] | undefined> {
  const { rows } = await db.query<LeftoverRow & { abandoned_at: Date; gone_at: Date | null }>(
    `SELECT r.*, CASE WHEN r.kind = 'hsm-session' THEN ${SESSION_ENDED}
       WHEN r.state = 'released' THEN r.released_at END AS gone_at
     FROM provisioned_resources r WHERE r.custom_key_store_id = $1 AND r.abandoned_at IS NOT NULL
     ORDER BY r.abandoned_at, r.planned_at, r.kind DESC, r.slot`,
    [storeId],
  );
  if (rows.length > 0) {
    return rows.map((row) => ({
      ...toLeftover(row),
      abandonedAt: row.abandoned_at,
      ...(row.gone_at && { releasedAt: row.gone_at }),
    }));
  }
  const { rows: stores } = await db.query(
    `SELECT 1 FROM custom_key_stores WHERE id = $1
     UNION ALL SELECT 1 FROM deleted_custom_key_stores WHERE id = $1`,
    [storeId],
  );
  return stores.length > 0 ? [] : undefined;
}

async function readPreview(db: Queryable, storeId: string): Promise<PreviewRow | undefined> {
  const { rows } = await db.query<PreviewRow>(PREVIEW, [storeId]);
  return rows[0];
}

function toPreview(row: PreviewRow): AbandonPreview {
  return {
    storeId: row.id,
    name: row.name,
    accountId: row.account_id,
    connectionState: row.connection_state,
    leftovers: row.leftovers.map(toLeftover),
    sessionOpen: row.session_open,
    token: tokenOf(row),
  };
}

function toLeftover(row: LeftoverRow): Leftover {
  return {
    kind: row.kind,
    ...(row.provider_id !== null && { providerId: row.provider_id }),
    accountId: row.account_id,
    slot: row.slot,
    generation: row.generation,
    plannedAt: new Date(row.planned_at),
  };
}

function tokenOf({ generation, row_version, session_open, leftovers }: PreviewRow): string {
  const seen = [
    generation,
    row_version,
    session_open,
    leftovers.map(({ id, provider_id }) => [id, provider_id]),
  ];
  return createHash('sha256').update(JSON.stringify(seen)).digest('hex').slice(0, 32);
}
