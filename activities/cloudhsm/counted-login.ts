import type { HsmConnection } from '../../clients/hsm/hsm-login';
import { HsmFailure } from '../../clients/hsm/hsm-login';
import { inTransaction } from '../../database/database';
import { keepSession, promotePassword } from '../../database/queries/kmsuser-passwords';
import type { KnownPassword } from '../../database/queries/kmsuser-passwords';
import { noteLogin, noteLoginAnswer, noteLoginUnsent } from '../../database/queries/login-attempts';
import { KMSUSER } from '../../keystore/naming';
import type { OperationInput } from '../../keystore/operation';
import type { Dependencies } from '../dependencies';
import { operationNotRunning } from '../operation-not-running';
import { finalFailure } from '../step-failure';

/**
 * Logs kmsuser in with one known password, at most once per connect and purpose, and once more where the answer was
 * lost (`spec/kms.md` D18): wrong passwords lock the user. The try is written down before it is sent. An accepted
 * password is in force, so it becomes the current one, in the same transaction that keeps the session.
 * Returns `wrong` when this password is known not to be in force. Throws `HsmFailure` for every other answer, and
 * `NETWORK_ERRORS` when two tries went unanswered.
 */
export async function loginOnce(
  deps: Dependencies,
  connection: HsmConnection,
  input: OperationInput,
  known: KnownPassword,
  purpose: 'login' | 'verify',
): Promise<'accepted' | 'wrong'> {
  const planned = {
    storeId: input.storeId,
    generation: input.generation,
    secretVersion: known.version,
    purpose,
  };
  const noted = await noteLogin(deps.database.pool, planned);
  switch (noted) {
    case 'not-running':
      throw operationNotRunning(input);
    case 'wrong-before':
      return 'wrong';
    case 'accepted-before':
      return 'accepted';
    case 'unanswered-twice':
      throw finalFailure(
        'NETWORK_ERRORS',
        'Two logins as kmsuser went unanswered; a third could help to lock the user. Check the network to the HSMs, then disconnect the key store and connect it again.',
      );
  }
  let sessionId: string;
  try {
    sessionId = await connection.login(KMSUSER, known.password);
  } catch (error) {
    const reason = error instanceof HsmFailure ? error.reason : undefined;
    if (reason === 'unreachable') await noteLoginUnsent(deps.database.pool, noted);
    if (reason !== 'wrong-password') throw error;
    await noteLoginAnswer(deps.database.pool, planned, 'wrong-password');
    return 'wrong';
  }
  await inTransaction(deps.database, async (tx) => {
    await promotePassword(tx, input.storeId, known.version);
    await keepSession(tx, deps.secrets, noted, sessionId);
    await noteLoginAnswer(tx, planned, 'accepted');
  });
  return 'accepted';
}
