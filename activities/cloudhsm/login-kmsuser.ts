import { isKmsuser } from '../../clients/hsm/hsm-login';
import type { HsmConnection } from '../../clients/hsm/hsm-login';
import { loadPasswords } from '../../database/queries/kmsuser-passwords';
import type { Dependencies } from '../dependencies';
import { finalFailure } from '../step-failure';
import type { StepContext } from '../run-step';
import { loginOnce } from './counted-try';
import type { Infrastructure } from './create-infrastructure';
import { cloudHsmStoreOf } from '../store-of';
import { connectAll, reachableHsms } from './hsm-connection';

/**
 * Looks for kmsuser on every HSM (`USER_NOT_FOUND` where it is missing on any, D18), then logs in with the current
 * password and, where that one is wrong and a change was under way, the pending one. Which of the two is in force is
 * then known and written down. Fails with `INVALID_CREDENTIALS`, `USER_LOCKED_OUT`, `USER_LOGGED_IN`, `NETWORK_ERRORS`,
 * or `INTERNAL_ERROR` where an HSM's certificate does not verify against the trust anchor.
 */
export async function loginKmsuser(
  deps: Dependencies,
  step: StepContext,
  infrastructure: Infrastructure,
): Promise<void> {
  const store = cloudHsmStoreOf(step);
  const route = { store, securityGroupId: infrastructure.securityGroupId };
  const connections = await connectAll(deps, step, route, await reachableHsms(deps, step, store));
  try {
    const [first] = connections;
    const [passwords] = await Promise.all([
      loadPasswords(deps.database.pool, deps.secrets, store.id),
      findKmsuser(connections, store.cloudHsmClusterId),
    ]);
    if (!first || !passwords) {
      throw finalFailure('INTERNAL_ERROR', `Key store ${store.id} has no password of kmsuser.`);
    }
    for (const known of [passwords.current, passwords.pending]) {
      if (known && (await loginOnce(deps, first, step, known, 'login')) === 'accepted') return;
    }
    throw finalFailure(
      'INVALID_CREDENTIALS',
      `The password of kmsuser in cluster ${store.cloudHsmClusterId} is not the one that this key store knows. Disconnect the key store, set kmsuser's password in the cluster, give the same one as KeyStorePassword to UpdateCustomKeyStore, and connect again.`,
    );
  } finally {
    for (const connection of connections) connection.close();
  }
}

async function findKmsuser(connections: HsmConnection[], clusterId: string): Promise<void> {
  const usersOfAll = await Promise.all(connections.map((connection) => connection.listUsers()));
  const without = usersOfAll.filter((users) => !users.some(isKmsuser)).length;
  if (without === 0) return;
  throw finalFailure(
    'USER_NOT_FOUND',
    `kmsuser is missing on ${without} of ${connections.length} HSMs of cluster ${clusterId}. Disconnect the key store, create the crypto user kmsuser on every HSM, give its password as KeyStorePassword to UpdateCustomKeyStore, and connect again.`,
  );
}
