import { isDeepStrictEqual } from 'node:util';
import { loadPasswords } from '../../../database/queries/kmsuser-passwords';
import { knowsPassword } from '../../harness/linearizability/account-model';
import type { Account } from '../../harness/linearizability/account-model';
import type { ConnectWorld } from '../../harness/connect-world';
import { eventually } from '../../harness/eventually';
import type { AccountUnderTest } from './account-under-test';

/** What a connect builds of each kind of store: groups, interfaces, endpoints, zones; an interface in each subnet. */
const BUILDS = {
  AWS_CLOUDHSM: (account: AccountUnderTest) => [1, account.cluster.SubnetIds.length, 0, 0],
  PUBLIC_ENDPOINT: () => [0, 0, 0, 0],
  VPC_ENDPOINT_SERVICE: () => [0, 0, 1, 1],
} as const;

interface StoreRow {
  id: string;
  kind: keyof typeof BUILDS;
  state: string;
}

/** What was found when nothing was left to do. */
export interface Found {
  /** what is not as it should be, whatever the calls were */
  broken: string[];
  /** the store that does not know the password of its cluster's kmsuser */
  unknowing?: string;
}

/**
 * Looks at what stands when nothing is left to do: nothing but what stores that are CONNECTED need, one of each, as the
 * ledger says; and kmsuser is logged in for one of them or not at all.
 * @param deaths whether workers died or froze meanwhile: what such a one had in hand may come late, and is then removed;
 * otherwise it is as it should be at once
 */
export async function lookAtWorld(
  world: ConnectWorld,
  account: AccountUnderTest,
  deaths: boolean,
): Promise<Found> {
  let found: Found = { broken: [] };
  const look = async (): Promise<Found> => {
    const inventory = await brokenInventory(world, account);
    const { broken, ...rest } = await lookAtKmsuser(world, account, deaths);
    return (found = { ...rest, broken: [...inventory, ...broken] });
  };
  if (!deaths) return look();
  await eventually(look, ({ broken }) => broken.length === 0, { limitMs: 60_000, everyMs: 200 }).catch(
    () => undefined,
  );
  return found;
}

/**
 * Whether a store knows kmsuser's password whatever order the calls were in. Where the answer to one was lost, that is not
 * sure. `possible`: what the history of calls says that the account may be.
 */
export function mustKnow(account: AccountUnderTest, storeId: string, possible: readonly Account[]): boolean {
  if (account.calls.some(({ request, end }) => !end && request.operation !== 'Describe')) return false;
  return possible.every((one) =>
    one.stores.some((store) => store.id === storeId && knowsPassword(one, store)),
  );
}

async function storesOf(world: ConnectWorld, { accountId }: AccountUnderTest): Promise<StoreRow[]> {
  const { rows } = await world.database.pool.query<StoreRow>(
    `SELECT id, coalesce(xks_connectivity, type) AS kind, connection_state AS state
     FROM custom_key_stores WHERE account_id = $1`,
    [accountId],
  );
  return rows;
}

async function brokenInventory(world: ConnectWorld, account: AccountUnderTest): Promise<string[]> {
  const { accountId } = account;
  const all = await world.simulator.inventory(accountId);
  const zones = all.hostedZones.map(({ Id }) => Id.replace('/hostedzone/', ''));
  const ids = [
    ...all.securityGroups.map(({ GroupId }) => GroupId),
    ...all.networkInterfaces.map(({ NetworkInterfaceId }) => NetworkInterfaceId),
    ...all.vpcEndpoints.map(({ VpcEndpointId }) => VpcEndpointId),
    ...zones,
  ].sort();
  const { rows } = await world.database.pool.query<{ id: string | null }>(
    `SELECT provider_id AS id FROM provisioned_resources
     WHERE account_id = $1 AND state IN ('planned', 'created') ORDER BY provider_id COLLATE "C"`,
    [accountId],
  );
  const ledger = rows.map(({ id }) => id ?? 'planned').sort();
  const connected = (await storesOf(world, account)).filter(({ state }) => state === 'CONNECTED');
  const wanted = connected
    .map(({ kind }) => BUILDS[kind](account))
    .reduce((sum, one) => sum.map((count, place) => count + (one[place] ?? 0)), [0, 0, 0, 0]);
  const seen = [all.securityGroups, all.networkInterfaces, all.vpcEndpoints, all.hostedZones].map(
    ({ length }) => length,
  );
  return [
    ...(isDeepStrictEqual(seen, wanted)
      ? []
      : [`${seen.join()} is built, and not ${wanted.join()}, with CONNECTED ${JSON.stringify(connected)}`]),
    ...(isDeepStrictEqual(ids, ledger) ? [] : [`${ids.join()} is built, and ${ledger.join()} in the ledger`]),
  ];
}

async function lookAtKmsuser(
  world: ConnectWorld,
  account: AccountUnderTest,
  deaths: boolean,
): Promise<Found> {
  const kmsuser = await world.simulator.kmsuser(account.cluster.ClusterId);
  const store = (await storesOf(world, account)).find(({ kind }) => kind === 'AWS_CLOUDHSM');
  const isConnected = store?.state === 'CONNECTED';
  const broken: string[] = [];
  // A login that was frozen on its way may come after the logout; the store's next one replaces it.
  if (kmsuser.loggedIn !== isConnected && !(deaths && kmsuser.loggedIn)) {
    broken.push(
      `kmsuser is${kmsuser.loggedIn ? '' : ' not'} logged in, and the store ${store?.state ?? 'gone'}`,
    );
  }
  if (!store) return { broken };
  const known = await loadPasswords(world.database.pool, world.secrets, store.id);
  if (isConnected && (kmsuser.locked || kmsuser.password !== known?.current.password)) {
    broken.push(`kmsuser of ${store.id}, which is CONNECTED, is locked or has another password`);
  }
  const knows = [known?.current.password, known?.pending?.password].includes(kmsuser.password);
  return { broken, ...(!knows && { unknowing: store.id }) };
}
