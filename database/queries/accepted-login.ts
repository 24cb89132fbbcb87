import type { Queryable } from '../database';
import type { SecretBox } from '../secret-box';
import type { SentLogin } from './login-attempts';
import { ensureMasterKeyInForce, sealedWithKeyInForce } from './master-keys';

/**
 * Writes down that an HSM accepted a login, in one statement, as it lies between the answer and all that follows:
 *
 * - The password is in force, so it becomes the current one, and the one before goes. Fenced by its version, not by the
 *   generation: whoever proves it, however late, can only set the password that is written down. Where another promotion,
 *   or a password that is being given, has removed the former one meanwhile, nothing is promoted.
 * - The handle of the session is kept, where there is one and the operation is still the running one: rotation goes on
 *   with it without another login. Of two logins the one that was written down last is `current`: the HSM ended every
 *   session before it. The other is kept beside it (`pending`), as a worker that froze before it sent its login may have
 *   come last all the same.
 * - The try is answered. An answer, once known, stays.
 *
 * Harmless to repeat.
 */
export async function writeAcceptedLogin(
  db: Queryable,
  secrets: SecretBox,
  login: SentLogin,
  sessionId: string | undefined,
): Promise<void> {
  await ensureMasterKeyInForce(db, secrets);
  const { storeId, generation, secretVersion, purpose, sent } = login;
  const written = db.query({
    name: 'write-accepted-login',
    text: `WITH proven AS (
             SELECT version FROM secrets
             WHERE custom_key_store_id = $1 AND kind = 'kmsuser-password' AND slot = 'pending' AND version = $3
           ), former AS (
             DELETE FROM secrets
             WHERE custom_key_store_id = $1 AND kind = 'kmsuser-password' AND slot = 'current'
               AND EXISTS (SELECT 1 FROM proven)
             RETURNING version
           ), promoted AS (
             UPDATE secrets SET slot = 'current', sent = false
             WHERE custom_key_store_id = $1 AND kind = 'kmsuser-password' AND slot = 'pending' AND version = $3
               -- after the former one is gone: both in one slot would be one too many
               AND EXISTS (SELECT 1 FROM former)
             RETURNING version
           ), op AS (
             SELECT o.id, o.generation, o.state, a.sent FROM operations o JOIN login_attempts a ON a.operation_id = o.id
             WHERE o.custom_key_store_id = $1 AND o.generation = $2 AND a.secret_version = $3 AND a.purpose = $4
           ), session AS (
             INSERT INTO secrets (custom_key_store_id, kind, slot, version, ciphertext, key_id)
             SELECT $1, 'hsm-session', CASE op.sent WHEN $5::int THEN 'current' ELSE 'pending' END, op.generation,
               $6::bytea, $7
             FROM op WHERE op.state = 'running' AND $6::bytea IS NOT NULL
             ON CONFLICT (custom_key_store_id, kind, slot)
             DO UPDATE SET ciphertext = excluded.ciphertext, version = excluded.version, key_id = excluded.key_id
             RETURNING slot
           )
           UPDATE login_attempts a SET answer = coalesce(a.answer, 'accepted')
           FROM op
           WHERE a.operation_id = op.id AND a.secret_version = $3 AND a.purpose = $4
             AND (SELECT count(*) FROM promoted) + (SELECT count(*) FROM session) >= 0`,
    values: [
      storeId,
      generation,
      secretVersion,
      purpose,
      sent,
      sessionId === undefined ? null : secrets.seal(storeId, 'hsm-session', sessionId),
      secrets.keyId,
    ],
  });
  await sealedWithKeyInForce(secrets, written);
}
