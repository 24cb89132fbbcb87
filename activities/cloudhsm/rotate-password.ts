import { randomInt } from 'node:crypto';
import type { HsmConnection } from '../../clients/hsm/hsm-login';
import { HsmFailure } from '../../clients/hsm/hsm-login';
import {
  keepPendingPassword,
  loadPasswords,
  loadSessions,
  markPendingSent,
} from '../../database/queries/kmsuser-passwords';
import type { KnownPassword } from '../../database/queries/kmsuser-passwords';
import { wasAccepted } from '../../database/queries/login-attempts';
import { isRunning } from '../../database/queries/operation-steps';
import { KMSUSER } from '../../keystore/naming';
import type { OperationInput } from '../../keystore/operation';
import type { Dependencies } from '../dependencies';
import { operationNotRunning } from '../operation-not-running';
import type { StepContext } from '../run-step';
import { finalFailure, passingFailure } from '../step-failure';
import type { StepFailure } from '../step-failure';
import { answeredOtherwise, changeOnce, loginOnce } from './counted-try';
import type { Infrastructure } from './create-infrastructure';
import { cloudHsmStoreOf } from '../store-of';
import { connectHsm, reachableHsms } from './hsm-connection';
import type { HsmRoute } from './hsm-connection';

/** Letters and digits only, as CloudHSM asks of kmsuser (`spec/kms.md` §5), and as long as allowed: some 190 bits. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const PASSWORD_LENGTH = 32;

/**
 * Changes kmsuser's password to one that only this store knows, and proves it by a login. The new password is in the
 * database, encrypted, as pending before the cluster hears of it; one that is pending already is used again, so that
 * however often this is interrupted, one of two known passwords is in force. A login with it makes it the current one.
 */
export async function rotatePassword(
  deps: Dependencies,
  step: StepContext,
  infrastructure: Infrastructure,
): Promise<void> {
  const { input } = step;
  const store = cloudHsmStoreOf(step);
  const { pool } = deps.database;
  // An earlier attempt may have got as far as the proof, and died before it could say so.
  if (step.attempt > 1 && (await wasAccepted(pool, { ...input, purpose: 'verify' }))) return;
  const opening = openFirst(deps, step, { store, ...infrastructure });
  // It may fail before anybody waits for it; whoever waits below hears of it all the same.
  opening.catch(ignore);
  const pending = await keepPendingPassword(pool, deps.secrets, input, newPassword()).catch(
    (error: unknown) => {
      opening.then((unused) => unused.close(), ignore);
      throw error;
    },
  );
  const connection = await opening;
  try {
    if (!pending) throw await noLongerPending(deps, input);
    const change = connection.changeIsATry ? changeByPassword : changeInSession;
    const changed = await change(deps, step, connection, pending);
    if ((await loginOnce(deps, connection, step, pending, 'verify')) === 'accepted') return;
    if (changed === 'unknown') throw answeredOtherwise(step) ?? neverChanged();
    throw changedBySomebodyElse(store.cloudHsmClusterId);
  } finally {
    connection.close();
  }
}

/** Opens a connection to any HSM: a change there holds for the whole cluster. */
async function openFirst(deps: Dependencies, step: StepContext, route: HsmRoute): Promise<HsmConnection> {
  const [hsm] = await reachableHsms(deps, step, route.store);
  if (!hsm)
    throw passingFailure('NETWORK_ERRORS', `No HSM of ${route.store.cloudHsmClusterId} has an address.`);
  return connectHsm(deps, step, route, hsm);
}

/** The failure is told by somebody else. */
function ignore(): void {
  return undefined;
}

/**
 * What is known of a change. `unknown`: it may not have been made, a login will tell. `refused`: the password that the
 * login proved is not in force any more; a login tells whether by an earlier try of ours, maybe of another worker, or
 * by somebody else.
 */
type Changed = 'changed' | 'refused' | 'unknown';

/**
 * Changes the password by the current one, which is tried no oftener than in a login. After a lost answer the next
 * attempt finds the current one wrong where the change was made.
 */
async function changeByPassword(
  deps: Dependencies,
  step: StepContext,
  connection: HsmConnection,
  pending: KnownPassword,
): Promise<Changed> {
  const [passwords] = await Promise.all([
    loadPasswords(deps.database.pool, deps.secrets, step.input.storeId),
    markSent(deps, step, pending),
  ]);
  if (passwords?.pending?.version !== pending.version) throw await noLongerPending(deps, step.input);
  const tried = await changeOnce(deps, connection, step, { current: passwords.current, pending });
  return ({ accepted: 'changed', wrong: 'refused', unanswered: 'unknown' } as const)[tried];
}

/**
 * Changes the password in the session that the login left. A change that was sent before and is sent again sets the
 * same one. `unknown`: every session ended after a change had been sent.
 */
async function changeInSession(
  deps: Dependencies,
  step: StepContext,
  connection: HsmConnection,
  pending: KnownPassword,
): Promise<Changed> {
  const [sessions, marked] = await Promise.all([
    loadSessions(deps.database.pool, deps.secrets, step.input.storeId),
    markSent(deps, step, pending),
  ]);
  const passwords = { currentPassword: '', newPassword: pending.password };
  for (const sessionId of sessions) {
    try {
      await connection.changePassword({ sessionId, username: KMSUSER, ...passwords });
      return 'changed';
    } catch (error) {
      if (!(error instanceof HsmFailure && error.reason === 'session-ended')) throw error;
    }
  }
  // If a change was sent before, the login that proves it may have ended them all: go on and look.
  if (marked.sentBefore) return 'unknown';
  throw neverChanged();
}

/** Writes down that a change is about to be sent; throws where it must not be. */
async function markSent(
  deps: Dependencies,
  step: StepContext,
  pending: KnownPassword,
): Promise<{ sentBefore: boolean }> {
  const marked = await markPendingSent(deps.database.pool, step.input, pending.version);
  if (!marked) throw await noLongerPending(deps, step.input);
  return marked;
}

/**
 * Why there is no pending password to set: the operation was overtaken; or an earlier attempt, which was taken for
 * dead, has proved its change just now, and the next one will see that.
 */
async function noLongerPending(deps: Dependencies, input: OperationInput): Promise<Error> {
  return (await isRunning(deps.database.pool, input))
    ? passingFailure('INTERNAL_ERROR', "An earlier attempt was changing kmsuser's password at the same time.")
    : operationNotRunning(input);
}

function neverChanged(): StepFailure {
  return finalFailure(
    'NETWORK_ERRORS',
    'The way to the HSMs was lost before the password of kmsuser was changed. Disconnect the key store and connect it again.',
  );
}

function changedBySomebodyElse(clusterId: string): StepFailure {
  return finalFailure(
    'INVALID_CREDENTIALS',
    `kmsuser's password in cluster ${clusterId} was changed by somebody else during the connect. Disconnect the key store, set the password again, give it as KeyStorePassword to UpdateCustomKeyStore, and connect again.`,
  );
}

function newPassword(): string {
  return Array.from({ length: PASSWORD_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}
