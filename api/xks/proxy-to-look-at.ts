import { loadXksCredential } from '../../database/queries/xks-credentials';
import { xksConflict } from '../../database/queries/xks-uniqueness';
import type { ExternalKeyStore, XksProxy } from '../../keystore/custom-key-store';
import { conflictException } from '../operations/conflict-exception';
import { ROW_CHANGED } from '../operations/retry-on-change';
import type { Call } from '../operation';
import type { ProxyToLookAt } from './look-at-proxy';

/** Throws the exception for what another store has already of the proxy as it shall be (D32). */
export async function assertProxyFree(
  { id, accountId }: ExternalKeyStore,
  xksProxy: XksProxy,
  call: Call,
): Promise<void> {
  const conflict = await xksConflict(call.services.database.pool, { id, accountId, xksProxy });
  if (conflict) throw conflictException(conflict);
}

/**
 * What an Update looks at outside: the proxy as it shall be, with the credential that will be in force, which is the
 * given one, else the stored one: both halves as they are stored together, so that one which is being replaced is never
 * asked with as a mixture. `ROW_CHANGED` where the store has been deleted since its row was read.
 */
export async function proxyToLookAt(
  store: ExternalKeyStore,
  xksProxy: XksProxy,
  rawSecretAccessKey: string | undefined,
  call: Call,
): Promise<ProxyToLookAt | typeof ROW_CHANGED> {
  if (xksProxy.connectivity === 'VPC_ENDPOINT_SERVICE') return { xksProxy };
  if (rawSecretAccessKey !== undefined) {
    return { xksProxy, credential: { accessKeyId: xksProxy.accessKeyId, rawSecretAccessKey } };
  }
  const { database, secrets } = call.services;
  const credential = await loadXksCredential(database.pool, secrets, store.id);
  return credential ? { xksProxy, credential } : ROW_CHANGED;
}
