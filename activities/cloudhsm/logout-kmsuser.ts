import { forgetSession } from '../../database/queries/kmsuser-passwords';
import { listUnreleased } from '../../database/queries/provisioned-resources';
import type { Dependencies } from '../dependencies';
import type { StepContext } from '../run-step';
import { undoIsDue } from '../undo-is-due';
import { connectHsm, reachableHsms } from './hsm-connection';

/**
 * Logs kmsuser out, best effort (D31): an HSM that cannot be reached, or a cluster that is gone, must not hold a
 * disconnect up. What is left then is a session that belongs to this store, which its next login replaces. Never
 * fails for the outside world; says what happened in the step's note. Nothing is asked where no session can be left.
 */
export async function logoutKmsuser(deps: Dependencies, step: StepContext): Promise<void> {
  const { store } = step;
  if (store?.type !== 'AWS_CLOUDHSM' || !undoIsDue(step)) return;
  // One that is kept all the same is of another KEYMOOR_HSM than today's, which has no way to end it.
  if (!deps.hsm.keepsSessions) return forgetSession(deps.database.pool, step.input);
  const ledger = await listUnreleased(deps.database.pool, store.id);
  // Not that of a later connect, which a logout that comes late would log out.
  const securityGroupId = ledger.find(
    (entry) => entry.kind === 'security-group' && entry.generation <= step.input.generation,
  )?.providerId;
  // Without the connector's group there is no way to the HSMs, and there was none to log in.
  if (securityGroupId === undefined) return;
  try {
    const failures: string[] = [];
    for (const hsm of await reachableHsms(deps, step, store)) {
      try {
        const connection = await connectHsm(deps, step, { store, securityGroupId }, hsm);
        try {
          await connection.logout();
        } finally {
          connection.close();
        }
        // A session is known to the whole cluster: one HSM that heard of it is enough.
        return await forgetSession(deps.database.pool, step.input);
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
    step.note(`kmsuser may still be logged in: ${failures.join('; ')}`);
  } catch (error) {
    step.note(`kmsuser may still be logged in: ${error instanceof Error ? error.message : String(error)}`);
  }
}
