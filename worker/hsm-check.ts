import { connectHsm, reachableHsms } from '../activities/cloudhsm/hsm-connection';
import type { HsmRoute, ReachableHsm } from '../activities/cloudhsm/hsm-connection';
import type { Dependencies } from '../activities/dependencies';
import { toStepFailure } from '../activities/step-failure';
import type { HsmConnection } from '../clients/hsm/hsm-login';
import { HsmBusy, HsmFailure, isKmsuser } from '../clients/hsm/hsm-login';
import type { HsmKind } from '../clients/hsm/open-hsm-login';
import { openDatabase } from '../database/database';
import { loadStore } from '../database/queries/custom-key-stores';
import { loadPasswords } from '../database/queries/kmsuser-passwords';
import { assertMasterKey } from '../database/queries/master-keys';
import { SecretBox, SecretUnreadable } from '../database/secret-box';
import type { CloudHsmKeyStore } from '../keystore/custom-key-store';
import { KMSUSER } from '../keystore/naming';
import { openOutside } from './outside';
import type { OutsideConfig } from './outside';

/** What a check needs. */
export interface HsmCheckConfig extends OutsideConfig {
  databaseUrl: string;
  /** 32 bytes */
  masterKey: Buffer;
  /** `simulator` cannot be checked: its sessions belong to the store, and a login would end the one that is in use */
  hsm: Exclude<HsmKind, 'simulator'>;
}

/** One thing that was looked at. */
export interface HsmCheckLine {
  works: boolean;
  /** what works, or what to do */
  text: string;
}

/** As long as a step of a connect may try (`spec/kms.md` D15). */
const CHECK_LIMIT_MS = 120_000;

type Parts = Pick<Dependencies, 'database' | 'secrets' | 'aws' | 'hsm' | 'declaredClusters'>;

/**
 * Walks the way that a connect of this key store would walk to its HSMs, up to a login as kmsuser, and changes nothing:
 * no password is set, nothing is written down. The login is a try like any other: a wrong password counts towards the
 * lock, and there are two at most.
 *
 * @param tell is told of each thing as it is known
 * @returns whether all of it works
 */
export async function checkHsm(
  config: HsmCheckConfig,
  storeId: string,
  tell: (line: HsmCheckLine) => void,
): Promise<boolean> {
  const outside = await openOutside(config);
  const database = openDatabase({
    url: config.databaseUrl,
    maxConnections: 2,
    queryTimeoutMs: 5_000,
    connectTimeoutMs: 3_000,
  });
  const parts: Parts = { database, secrets: new SecretBox(config.masterKey), ...outside };
  try {
    await assertMasterKey(database.pool, parts.secrets);
    await walk(parts, storeId, (text) => tell({ works: true, text }));
    return true;
  } catch (error) {
    tell({ works: false, text: reasonOf(error) });
    return false;
  } finally {
    outside.close();
    await database.close();
  }
}

/** What was looked at does not work; the message says what to do. */
class DoesNotWork extends Error {
  override readonly name = 'DoesNotWork';
}

async function walk(parts: Parts, storeId: string, works: (text: string) => void): Promise<void> {
  const store = await idleStore(parts, storeId);
  works(`key store ${store.id} is ${store.connectionState}, of cluster ${store.cloudHsmClusterId}`);
  const hsms = await findHsms(parts, store);
  works(`cluster ${store.cloudHsmClusterId} is ${whereIs(parts, hsms)}`);
  const route: HsmRoute = { store, securityGroupId: '' };
  const signal = AbortSignal.timeout(CHECK_LIMIT_MS);
  for (const hsm of hsms) {
    const connection = await connectHsm(parts, { signal }, route, hsm, works);
    try {
      await findUser(connection);
      works(`${KMSUSER} is there`);
      works(`${KMSUSER} logs in with ${await logIn(parts, connection, store)}`);
    } finally {
      connection.close();
    }
  }
}

async function idleStore(parts: Parts, storeId: string): Promise<CloudHsmKeyStore> {
  const store = await loadStore(parts.database.pool, storeId);
  if (!store) throw new DoesNotWork(`there is no key store ${storeId}`);
  if (store.type !== 'AWS_CLOUDHSM') {
    throw new DoesNotWork(`key store ${storeId} is an external one, which has no HSM: see keymoor xks check`);
  }
  if (store.connectionState === 'CONNECTING' || store.connectionState === 'DISCONNECTING') {
    throw new DoesNotWork(
      `key store ${storeId} is ${store.connectionState}: wait for its end, as its own tries count, too`,
    );
  }
  return store;
}

async function findHsms(parts: Parts, store: CloudHsmKeyStore): Promise<ReachableHsm[]> {
  const { accountId, cloudHsmClusterId } = store;
  if (parts.declaredClusters && !parts.declaredClusters.find(accountId, cloudHsmClusterId)) {
    throw new DoesNotWork(
      `KEYMOOR_PKCS11_FILE names no cluster ${cloudHsmClusterId} for account ${accountId}: declare it there`,
    );
  }
  return reachableHsms(parts, { signal: AbortSignal.timeout(CHECK_LIMIT_MS) }, store);
}

function whereIs(parts: Parts, hsms: readonly ReachableHsm[]): string {
  if (parts.declaredClusters) return 'declared in KEYMOOR_PKCS11_FILE';
  return `in AWS, its ACTIVE HSMs at ${hsms[0]?.addresses.join(', ') ?? 'no address'}`;
}

async function findUser(connection: HsmConnection): Promise<void> {
  const users = await connection.listUsers();
  if (users.some(isKmsuser)) return;
  throw new DoesNotWork(`${KMSUSER} is missing: create this crypto user on every HSM of the cluster`);
}

/** With the current password, else with one that an interrupted connect may have set. Says which. */
async function logIn(parts: Parts, connection: HsmConnection, store: CloudHsmKeyStore): Promise<string> {
  const known = await loadPasswords(parts.database.pool, parts.secrets, store.id);
  const passwords = [
    { password: known?.current.password, name: 'the current password' },
    { password: known?.pending?.password, name: 'the password that an interrupted connect has set' },
  ];
  for (const { password, name } of passwords) {
    if (password === undefined) continue;
    try {
      await connection.login(KMSUSER, password);
      return name;
    } catch (error) {
      if (!(error instanceof HsmFailure && error.reason === 'wrong-password')) throw error;
    }
  }
  throw new DoesNotWork(
    `the password of ${KMSUSER} is not the one that the key store knows: disconnect the store, set the password in the cluster, give it as KeyStorePassword to UpdateCustomKeyStore`,
  );
}

/** One line for the operator. Of what nobody foresaw only what kind it is: its message may hold anything. */
function reasonOf(error: unknown): string {
  if (error instanceof DoesNotWork || error instanceof HsmBusy || error instanceof SecretUnreadable) {
    return error.message;
  }
  const foreseen = toStepFailure(error);
  if (foreseen) return foreseen.message;
  const { code, name } = error as { code?: unknown; name?: unknown };
  return `the check itself failed (${typeof code === 'string' ? code : String(name)}): is the database up, and the master key the right one?`;
}
