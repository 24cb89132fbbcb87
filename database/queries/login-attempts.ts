import type { Queryable } from '../database';

/** One login that is about to be sent. */
export interface PlannedLogin {
  storeId: string;
  generation: number;
  secretVersion: number;
  /**
   * `login` finds out which password is in force; `change` sets another and carries this one; `verify` proves one that
   * was just set. Each is counted apart (D18).
   */
  purpose: 'login' | 'change' | 'verify';
}

/** One login that was written down and may be sent. */
export interface SentLogin extends PlannedLogin {
  /** how often it was sent, this time included */
  sent: number;
}

/**
 * Writes a login down before it is sent. Allowed once, and once more where the answer was lost; never after an
 * answer. Returns the login when it may be sent; otherwise what is known of the earlier ones, or `not-running` when
 * the operation is no longer the running one.
 */
export async function noteLogin(
  db: Queryable,
  login: PlannedLogin,
): Promise<SentLogin | 'not-running' | 'accepted-before' | 'wrong-before' | 'unanswered-twice'> {
  const { rows } = await db.query<{ running: boolean; sent: number | null; answer: string | null }>({
    name: 'note-login',
    text: `WITH op AS (
       SELECT id, state = 'running' AS running FROM operations WHERE custom_key_store_id = $1 AND generation = $2
     ), noted AS (
       INSERT INTO login_attempts (operation_id, secret_version, purpose)
       SELECT id, $3, $4 FROM op WHERE running
       ON CONFLICT (operation_id, secret_version, purpose) DO UPDATE SET sent = login_attempts.sent + 1
         WHERE login_attempts.answer IS NULL AND login_attempts.sent < 2
       RETURNING sent
     )
     SELECT op.running, (SELECT sent FROM noted) AS sent, a.answer
     FROM op LEFT JOIN login_attempts a ON a.operation_id = op.id AND a.secret_version = $3 AND a.purpose = $4`,
    values: [login.storeId, login.generation, login.secretVersion, login.purpose],
  });
  const row = rows[0];
  if (!row?.running) return 'not-running';
  if (row.sent !== null) return { ...login, sent: row.sent };
  // Where the statement waited for another attempt that was writing its answer down, it has not seen that answer.
  const answer = row.answer ?? (await answerOf(db, login));
  if (answer === 'accepted') return 'accepted-before';
  if (answer === 'wrong-password') return 'wrong-before';
  return 'unanswered-twice';
}

async function answerOf(db: Queryable, login: PlannedLogin): Promise<string | undefined> {
  const { rows } = await db.query<{ answer: string | null }>(
    `SELECT a.answer FROM login_attempts a JOIN operations o ON o.id = a.operation_id
     WHERE o.custom_key_store_id = $1 AND o.generation = $2 AND a.secret_version = $3 AND a.purpose = $4`,
    [login.storeId, login.generation, login.secretVersion, login.purpose],
  );
  return rows[0]?.answer ?? undefined;
}

/** The login never left, as the connection was gone: it does not count as a try. */
export async function noteLoginUnsent(db: Queryable, login: SentLogin): Promise<void> {
  await db.query(
    `UPDATE login_attempts a SET sent = a.sent - 1
     FROM operations o
     WHERE o.custom_key_store_id = $1 AND o.generation = $2 AND a.operation_id = o.id
       AND a.secret_version = $3 AND a.purpose = $4 AND a.sent = $5 AND a.answer IS NULL`,
    [login.storeId, login.generation, login.secretVersion, login.purpose, login.sent],
  );
}

/** Writes the HSM's answer down. An answer, once known, stays. */
export async function noteLoginAnswer(
  db: Queryable,
  login: PlannedLogin,
  answer: 'accepted' | 'wrong-password',
): Promise<void> {
  await db.query({
    name: 'note-login-answer',
    text: `UPDATE login_attempts a SET answer = coalesce(a.answer, $5)
     FROM operations o
     WHERE o.custom_key_store_id = $1 AND o.generation = $2 AND a.operation_id = o.id
       AND a.secret_version = $3 AND a.purpose = $4`,
    values: [login.storeId, login.generation, login.secretVersion, login.purpose, answer],
  });
}

/** Whether any login of this purpose was accepted in this operation. */
export async function wasAccepted(
  db: Queryable,
  login: { storeId: string; generation: number; purpose: 'login' | 'verify' },
): Promise<boolean> {
  const { rows } = await db.query(
    `SELECT 1 FROM login_attempts a JOIN operations o ON o.id = a.operation_id
     WHERE o.custom_key_store_id = $1 AND o.generation = $2 AND a.purpose = $3 AND a.answer = 'accepted'`,
    [login.storeId, login.generation, login.purpose],
  );
  return rows.length > 0;
}
