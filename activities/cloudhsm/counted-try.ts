import type { HsmConnection } from '../../clients/hsm/hsm-login';
import { HsmFailure } from '../../clients/hsm/hsm-login';
import { writeAcceptedLogin } from '../../database/queries/accepted-login';
import type { KnownPassword } from '../../database/queries/kmsuser-passwords';
import { noteLogin, noteLoginAnswer, noteLoginUnsent } from '../../database/queries/login-attempts';
import type { PlannedLogin, SentLogin } from '../../database/queries/login-attempts';
import { KMSUSER } from '../../keystore/naming';
import type { OperationInput } from '../../keystore/operation';
import type { Dependencies } from '../dependencies';
import { operationNotRunning } from '../operation-not-running';
import type { StepContext } from '../run-step';
import { finalFailure } from '../step-failure';
import type { StepFailure } from '../step-failure';

/*
 * Whatever carries a password of kmsuser to an HSM is a try: a wrong one counts, and a few lock the user. Each known
 * password is tried at most once per connect and purpose, and once more where the answer was lost (`spec/kms.md` D18).
 * The try is written down before it is sent.
 */

/** What is known after a try; `unanswered`: two were sent, none was answered, and no third may be. */
type Tried = 'accepted' | 'wrong' | 'unanswered';

/**
 * Logs kmsuser in with one known password. An accepted password is in force, so it becomes the current one, in the same
 * statement that keeps the session. Returns `wrong` when this password is known not to be in force. Throws
 * `HsmFailure` for every other answer, and `NETWORK_ERRORS` when two tries went unanswered.
 */
export async function loginOnce(
  deps: Dependencies,
  connection: HsmConnection,
  step: Pick<StepContext, 'input' | 'lastFailure' | 'writeDown'>,
  known: KnownPassword,
  purpose: 'login' | 'verify',
): Promise<'accepted' | 'wrong'> {
  const { input } = step;
  const planned = { ...fenceOf(input), secretVersion: known.version, purpose };
  const tried = await tryOnce(deps, step, planned, async (noted) => {
    const sessionId = await connection.login(KMSUSER, known.password);
    return () => writeAcceptedLogin(deps.database.pool, deps.secrets, noted, sessionId);
  });
  if (tried !== 'unanswered') return tried;
  throw (
    answeredOtherwise(step) ??
    finalFailure(
      'NETWORK_ERRORS',
      'Two logins as kmsuser went unanswered; a third could help to lock the user. Check the network to the HSMs, then disconnect the key store and connect it again.',
    )
  );
}

/**
 * Where tries were answered, and with neither yes nor no: what the HSM said is the reason, and not that nothing is known
 * of the password. Undefined where the last attempt heard nothing.
 */
export function answeredOtherwise({
  lastFailure,
}: Pick<StepContext, 'lastFailure'>): StepFailure | undefined {
  if (!lastFailure || lastFailure.code === 'NETWORK_ERRORS') return undefined;
  const said = lastFailure.message.replace(/\.?$/, '.');
  return finalFailure(
    lastFailure.code,
    `${said} Gave up: the password was sent twice; a third time could help to lock kmsuser.`,
  );
}

/**
 * Changes kmsuser's password where the change carries the current one. Returns `wrong` when that one is known not to be
 * in force, or no longer; `unanswered` when two changes were, so that only a login can tell whether they were made.
 */
export async function changeOnce(
  deps: Dependencies,
  connection: HsmConnection,
  step: Pick<StepContext, 'input' | 'writeDown'>,
  passwords: { current: KnownPassword; pending: KnownPassword },
): Promise<Tried> {
  const planned = {
    ...fenceOf(step.input),
    secretVersion: passwords.current.version,
    purpose: 'change' as const,
  };
  return tryOnce(deps, step, planned, async () => {
    await connection.changePassword({
      sessionId: undefined,
      username: KMSUSER,
      currentPassword: passwords.current.password,
      newPassword: passwords.pending.password,
    });
    return () => noteLoginAnswer(deps.database.pool, planned, 'accepted');
  });
}

/**
 * `send` sends the password and, once it is accepted, returns what writes that down. An answer that the database cannot
 * take at the moment is kept until it can: asked for again, it would be another try.
 */
async function tryOnce(
  deps: Dependencies,
  { input, writeDown }: Pick<StepContext, 'input' | 'writeDown'>,
  planned: PlannedLogin,
  send: (noted: SentLogin) => Promise<() => Promise<void>>,
): Promise<Tried> {
  const { pool } = deps.database;
  const noted = await noteLogin(pool, planned);
  switch (noted) {
    case 'not-running':
      throw operationNotRunning(input);
    case 'wrong-before':
      return 'wrong';
    case 'accepted-before':
      return 'accepted';
    case 'unanswered-twice':
      return 'unanswered';
  }
  let accept: () => Promise<void>;
  try {
    accept = await send(noted);
  } catch (error) {
    const reason = error instanceof HsmFailure ? error.reason : undefined;
    if (reason === 'unreachable') await noteLoginUnsent(pool, noted);
    if (reason !== 'wrong-password') throw error;
    await writeDown(() => noteLoginAnswer(pool, planned, 'wrong-password'));
    return 'wrong';
  }
  await writeDown(accept);
  return 'accepted';
}

function fenceOf(input: OperationInput): { storeId: string; generation: number } {
  return { storeId: input.storeId, generation: input.generation };
}
