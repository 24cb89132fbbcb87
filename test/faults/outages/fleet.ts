import { randomInt } from 'node:crypto';
import {
  ConnectCustomKeyStoreCommand,
  CreateCustomKeyStoreCommand,
  DescribeCustomKeyStoresCommand,
  DisconnectCustomKeyStoreCommand,
} from '@aws-sdk/client-kms';
import type { KMSClient } from '@aws-sdk/client-kms';
import { Client } from 'pg';
import type { DevUnderTest } from '../../e2e/dev-under-test';
import { eventually } from '../../harness/eventually';

/** As long as processes may take to come back on a busy machine. */
const LIMIT_MS = 240_000;
/** The password that clusters are made with, and another one. */
const PASSWORD = 'kmsPswd1';
const WRONG_PASSWORD = 'kmsPswd2';

/** Kinds of key stores, and what a connect of each builds: groups, interfaces, endpoints, zones. */
const BUILDS = {
  cloudhsm: [1, 2, 0, 0],
  private: [0, 0, 1, 1],
  public: [0, 0, 0, 0],
} as const;
export type Kind = keyof typeof BUILDS;

/** A key store in `keymoor dev`, of an account of its own, and who calls. */
export interface Member {
  kind: Kind;
  accountId: string;
  kms: KMSClient;
  CustomKeyStoreId: string;
  clusterId?: string;
}

/** As many kinds: CloudHSM most of all, as a busy machine makes proxies slower than the 250 ms that AWS gives them. */
export function aFleetOf(count: number): Kind[] {
  const kinds: readonly Kind[] = ['cloudhsm', 'private', 'cloudhsm', 'public', 'cloudhsm', 'cloudhsm'];
  return Array.from({ length: count }, (_, index) => kinds[index % kinds.length] ?? 'cloudhsm');
}

/** Makes a store of each kind given, one after the other. `wrongPassword`: its connects end FAILED. */
export async function makeStores(
  dev: DevUnderTest,
  kinds: readonly Kind[],
  options: { wrongPassword?: true } = {},
): Promise<Member[]> {
  const members: Member[] = [];
  for (const kind of kinds) {
    const made = await eventually(
      () => makeStore(dev, kind, options).catch(unlessSlow),
      (store) => store !== undefined,
    );
    if (made) members.push(made);
  }
  return members;
}

/** A new proxy that did not answer in 250 ms is left aside, and another one made. */
function unlessSlow(error: unknown): undefined {
  if (!(error instanceof Error && error.name === 'XksProxyUriUnreachableException')) throw error;
}

async function makeStore(
  dev: DevUnderTest,
  kind: Kind,
  { wrongPassword }: { wrongPassword?: true },
): Promise<Member> {
  const accountId = String(randomInt(100_000_000_000, 999_999_999_999));
  const kms = dev.kms(accountId);
  const CustomKeyStoreName = `${kind} ${accountId}`;
  if (kind === 'cloudhsm') {
    const cluster = await dev.simulator.createCluster({ accountId, kmsuserPassword: PASSWORD });
    const { CustomKeyStoreId = '' } = await kms.send(
      new CreateCustomKeyStoreCommand({
        CustomKeyStoreName,
        CloudHsmClusterId: cluster.ClusterId,
        TrustAnchorCertificate: cluster.TrustAnchorCertificate,
        KeyStorePassword: wrongPassword ? WRONG_PASSWORD : PASSWORD,
      }),
    );
    return { kind, accountId, kms, CustomKeyStoreId, clusterId: cluster.ClusterId };
  }
  const connectivity = kind === 'public' ? 'PUBLIC_ENDPOINT' : 'VPC_ENDPOINT_SERVICE';
  const proxy = await dev.simulator.createProxy({ accountId, connectivity });
  const { CustomKeyStoreId = '' } = await kms.send(
    new CreateCustomKeyStoreCommand({
      CustomKeyStoreName,
      CustomKeyStoreType: 'EXTERNAL_KEY_STORE',
      XksProxyConnectivity: connectivity,
      XksProxyUriEndpoint: proxy.XksProxyUriEndpoint,
      XksProxyUriPath: proxy.XksProxyUriPath,
      XksProxyVpcEndpointServiceName: proxy.XksProxyVpcEndpointServiceName,
      XksProxyAuthenticationCredential: {
        AccessKeyId: proxy.AccessKeyId,
        RawSecretAccessKey: proxy.RawSecretAccessKey,
      },
    }),
  );
  return { kind, accountId, kms, CustomKeyStoreId };
}

export function connect({ kms, CustomKeyStoreId }: Member): Promise<unknown> {
  return kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId }));
}

export function disconnect({ kms, CustomKeyStoreId }: Member): Promise<unknown> {
  return kms.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId }));
}

/** Undefined while the API cannot tell. */
export async function stateOf({ kms, CustomKeyStoreId }: Member): Promise<string | undefined> {
  try {
    const { CustomKeyStores } = await kms.send(new DescribeCustomKeyStoresCommand({ CustomKeyStoreId }));
    return CustomKeyStores?.[0]?.ConnectionState;
  } catch {
    return undefined;
  }
}

/** Waits until each of them is in one of these states; gives the states in the members' order. */
export function untilAll(members: readonly Member[], ...states: string[]): Promise<(string | undefined)[]> {
  return eventually(
    () => Promise.all(members.map(stateOf)),
    (seen) => seen.every((state) => states.includes(state ?? '')),
    { limitMs: LIMIT_MS, everyMs: 200 },
  );
}

/** Waits until nothing accepted has anything left to do, undos of failed connects included. */
export async function untilNothingRuns(dev: DevUnderTest, members: readonly Member[]): Promise<void> {
  const database = new Client({ connectionString: dev.endpoints().database });
  await database.connect();
  try {
    await eventually(
      async () => {
        const { rows } = await database.query<{ custom_key_store_id: string; kind: string }>(
          `SELECT custom_key_store_id, kind FROM operations
           WHERE custom_key_store_id = ANY ($1) AND settled_at IS NULL`,
          [members.map(({ CustomKeyStoreId }) => CustomKeyStoreId)],
        );
        return rows;
      },
      (unsettled) => unsettled.length === 0,
      { limitMs: LIMIT_MS, everyMs: 200 },
    );
  } finally {
    await database.end();
  }
}

/** What stands of a store in the simulated world: groups, interfaces, endpoints, zones. */
export async function built(dev: DevUnderTest, { accountId }: Member): Promise<number[]> {
  const all = await dev.simulator.inventory(accountId);
  return [all.securityGroups, all.networkInterfaces, all.vpcEndpoints, all.hostedZones].map(
    (items) => items.length,
  );
}

/**
 * Each is CONNECTED with exactly what its kind needs, or DISCONNECTED, or FAILED and undone, with nothing: at once, as
 * no request is held up here that could come late.
 */
export async function expectWhole(dev: DevUnderTest, members: readonly Member[]): Promise<void> {
  for (const member of members) {
    const state = await stateOf(member);
    const wanted = state === 'CONNECTED' ? [...BUILDS[member.kind]] : [0, 0, 0, 0];
    expect({ member: member.CustomKeyStoreId, state, built: await built(dev, member) }).toEqual({
      member: member.CustomKeyStoreId,
      state,
      built: wanted,
    });
    if (member.clusterId !== undefined) {
      expect(await dev.simulator.kmsuser(member.clusterId)).toMatchObject({ locked: false });
    }
  }
}
