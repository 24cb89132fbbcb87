import { randomBytes } from 'node:crypto';
import type { CreateCustomKeyStoreCommandInput } from '@aws-sdk/client-kms';
import {
  CreateCustomKeyStoreCommand,
  DeleteCustomKeyStoreCommand,
  UpdateCustomKeyStoreCommand,
} from '@aws-sdk/client-kms';
import type { ApiUnderTest } from './harness/api-under-test';
import { PATIENT, newAccount, startApiUnderTest } from './harness/api-under-test';
import { NOTHING_STORED, keptProbe, refusalOf, storedOf } from './harness/refusals';
import type { SimulatedWorld } from './harness/simulated-world';
import { createExternalInput, startSimulatedWorld } from './harness/simulated-world';
import type { ExternalStoreOptions } from './harness/stores';
import { newServiceName, placeExternalStore, placeStore } from './harness/stores';

let world: SimulatedWorld;
let under: ApiUnderTest;

beforeAll(async () => {
  world = await startSimulatedWorld();
  under = await startApiUnderTest({ simulatorUrl: world.url, ...PATIENT });
});
afterAll(async () => {
  await under.close();
  await world.close();
});

const PUBLIC_PATH = '/public/kms/xks/v1';
const VPC_PATH = '/vpc/kms/xks/v1';

/** A host on which a store of either connectivity could be made: a public proxy, and one behind a service. */
interface Place {
  accountId: string;
  host: string;
  service: string;
  /** what Create is asked for */
  wanted: Record<'public' | 'VPC', CreateCustomKeyStoreCommandInput>;
}

async function aPlace(): Promise<Place> {
  const accountId = newAccount();
  const host = `xks-${randomBytes(6).toString('hex')}.example`;
  const publicProxy = await world.proxy(accountId, { host, path: PUBLIC_PATH });
  const vpcProxy = await world.proxy(accountId, {
    connectivity: 'VPC_ENDPOINT_SERVICE',
    host,
    path: VPC_PATH,
  });
  const named = { XksProxyVpcEndpointServiceOwner: accountId };
  return {
    accountId,
    host,
    service: vpcProxy.XksProxyVpcEndpointServiceName ?? '',
    wanted: { public: createExternalInput(publicProxy), VPC: createExternalInput(vpcProxy, named) },
  };
}

const create = (accountId: string, input: CreateCustomKeyStoreCommandInput) =>
  under.client(accountId).send(new CreateCustomKeyStoreCommand(input));

/** A store of the account's own, elsewhere, that takes the wanted place by an Update. */
async function move(
  accountId: string,
  {
    XksProxyConnectivity,
    CustomKeyStoreName: _,
    CustomKeyStoreType: __,
    ...input
  }: CreateCustomKeyStoreCommandInput,
): Promise<unknown> {
  const elsewhere = { name: newServiceName(), owner: accountId };
  const vpcEndpointService =
    XksProxyConnectivity === 'VPC_ENDPOINT_SERVICE' ? { vpcEndpointService: elsewhere } : {};
  const { id } = await placeExternalStore(under, accountId, vpcEndpointService);
  return under.client(accountId).send(new UpdateCustomKeyStoreCommand({ CustomKeyStoreId: id, ...input }));
}

const URI = 'XksProxyUriInUseException';
const ENDPOINT = 'XksProxyUriEndpointInUseException';
const SERVICE = 'XksProxyVpcEndpointServiceInUseException';

const https = (host: string): string => `https://${host}`;
const behind = (name: string) => ({ vpcEndpointService: { name, owner: '111122223333' } });

/** D32, written out: what there is already, in which account, what is wanted, and what comes of it. */
const TABLE: [
  existing: string,
  account: 'same' | 'other',
  wanted: 'public' | 'VPC',
  exception: string,
  options: (place: Place) => ExternalStoreOptions,
][] = [];
function rule(
  existing: string,
  options: (place: Place) => ExternalStoreOptions,
  verdicts: Partial<Record<'public' | 'VPC', [same: string, other: string]>>,
): void {
  for (const [wanted, [same, other]] of Object.entries(verdicts) as ['public' | 'VPC', [string, string]][]) {
    TABLE.push([existing, 'same', wanted, same, options], [existing, 'other', wanted, other, options]);
  }
}
rule(
  'a public store with the host and the path of the public one',
  ({ host }) => ({ uriEndpoint: https(host), uriPath: PUBLIC_PATH }),
  { public: [URI, 'none'], VPC: [ENDPOINT, ENDPOINT] },
);
rule(
  'a public store with the host in capital letters',
  ({ host }) => ({ uriEndpoint: https(host.toUpperCase()), uriPath: PUBLIC_PATH }),
  { public: [URI, 'none'], VPC: [ENDPOINT, ENDPOINT] },
);
rule(
  'a public store with the host and a final dot',
  ({ host }) => ({ uriEndpoint: https(`${host}.`), uriPath: PUBLIC_PATH }),
  { public: [URI, 'none'], VPC: [ENDPOINT, ENDPOINT] },
);
rule(
  'a public store with the host and another path',
  ({ host }) => ({ uriEndpoint: https(host), uriPath: '/other/kms/xks/v1' }),
  { public: ['none', 'none'], VPC: [ENDPOINT, ENDPOINT] },
);
rule(
  'a public store with the host and the path in capital letters',
  ({ host }) => ({ uriEndpoint: https(host), uriPath: PUBLIC_PATH.replace('public', 'PUBLIC') }),
  { public: ['none', 'none'] },
);
rule(
  'a public store with the host and the path of the VPC one',
  ({ host }) => ({ uriEndpoint: https(host), uriPath: VPC_PATH }),
  { VPC: [URI, ENDPOINT] },
);
rule(
  'a VPC store with the host, another path and another service',
  ({ host }) => ({ uriEndpoint: https(host), uriPath: '/other/kms/xks/v1', ...behind(newServiceName()) }),
  { public: [ENDPOINT, ENDPOINT], VPC: [ENDPOINT, ENDPOINT] },
);
rule(
  'a VPC store with the host in capital letters and another service',
  ({ host }) => ({ uriEndpoint: https(host.toUpperCase()), ...behind(newServiceName()) }),
  { public: [ENDPOINT, ENDPOINT], VPC: [ENDPOINT, ENDPOINT] },
);
rule(
  'a VPC store with the host, the path and the service',
  ({ host, service }) => ({ uriEndpoint: https(host), uriPath: VPC_PATH, ...behind(service) }),
  { VPC: [URI, ENDPOINT] },
);
rule('a VPC store with another host and the service', ({ service }) => behind(service), {
  public: ['none', 'none'],
  VPC: [SERVICE, SERVICE],
});
rule('a VPC store with another host and another service', () => behind(newServiceName()), {
  public: ['none', 'none'],
  VPC: ['none', 'none'],
});
rule('a public store with another host', () => ({}), { public: ['none', 'none'], VPC: ['none', 'none'] });

test.each(TABLE)(
  'beside %s, in the %s account, a %s store: %s',
  async (_existing, account, wanted, exception, options) => {
    const place = await aPlace();
    const { accountId } = place;
    const existing = await placeExternalStore(
      under,
      account === 'same' ? accountId : newAccount(),
      options(place),
    );
    for (const call of [create, move]) {
      if (exception === 'none') {
        await call(accountId, place.wanted[wanted]);
        expect(await storesAt(place)).toHaveLength(
          existing.xksProxy.uriEndpoint.toLowerCase().includes(place.host) ? 2 : 1,
        );
        // Makes room for the other call; what was there before stays.
        await under.sql.query('DELETE FROM custom_key_stores WHERE account_id = $1 AND id <> $2', [
          accountId,
          existing.id,
        ]);
        continue;
      }
      const refusal = await refusalOf(call(accountId, place.wanted[wanted]));
      expect([call.name, refusal.name]).toEqual([call.name, exception]);
      expect(await keptProbe(under, refusal.requestId)).toBeUndefined();
    }
  },
);

/** Connectivities of all stores on a place's host. */
async function storesAt({ host }: Place): Promise<string[]> {
  const { rows } = await under.sql.query<{ xks_connectivity: string }>(
    'SELECT xks_connectivity FROM custom_key_stores WHERE xks_host = $1',
    [host],
  );
  return rows.map((row) => row.xks_connectivity);
}

test.each(['public', 'VPC'] as const)('a %s store does not stand in its own way', async (kind) => {
  const place = await aPlace();
  const { CustomKeyStoreName: _, CustomKeyStoreType: __, ...same } = place.wanted[kind];
  const { CustomKeyStoreId } = await create(place.accountId, place.wanted[kind]);
  await under.client(place.accountId).send(new UpdateCustomKeyStoreCommand({ CustomKeyStoreId, ...same }));
});

test.each(['public', 'VPC'] as const)('a deleted %s store leaves its place to another', async (kind) => {
  const place = await aPlace();
  const { CustomKeyStoreId } = await create(place.accountId, place.wanted[kind]);
  await under.client(place.accountId).send(new DeleteCustomKeyStoreCommand({ CustomKeyStoreId }));
  expect(await storedOf(under, place.accountId)).toEqual(NOTHING_STORED);
  await create(place.accountId, place.wanted[kind]);
});

const ROUNDS = 8;

/** What of several calls at once succeeded, and the exceptions of the others. */
async function allAtOnce(calls: Promise<unknown>[]): Promise<{ accepted: number; refused: string[] }> {
  const settled = await Promise.allSettled(calls);
  const refused = settled.flatMap((call) =>
    call.status === 'rejected' ? [(call.reason as Error).name] : [],
  );
  return { accepted: settled.length - refused.length, refused };
}

test.each([
  ['Create', create, create],
  ['Update', move, move],
  ['Create and Update', create, move],
])(
  'a public and a VPC store on one host at once, in two accounts, by %s: never both',
  async (_by, one, other) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const place = await aPlace();
      const outcome = await allAtOnce([
        one(newAccount(), place.wanted.public),
        other(place.accountId, place.wanted.VPC),
      ]);
      expect(outcome).toEqual({ accepted: 1, refused: [ENDPOINT] });
      expect(await storesAt(place)).toHaveLength(1);
    }
  },
);

test('several VPC stores on one service at once, in as many accounts: one gets it', async () => {
  const place = await aPlace();
  const accounts = [place.accountId, newAccount(), newAccount(), newAccount()];
  const { accepted, refused } = await allAtOnce(
    accounts.map((accountId) => create(accountId, place.wanted.VPC)),
  );
  expect(accepted).toBe(1);
  expect(new Set(refused)).toEqual(new Set([ENDPOINT]));
  expect(await storesAt(place)).toEqual(['VPC_ENDPOINT_SERVICE']);
});

test('several public stores with one URI at once, in one account: one gets it', async () => {
  const place = await aPlace();
  const { accepted, refused } = await allAtOnce(
    ['a', 'b', 'c', 'd'].map((CustomKeyStoreName) =>
      create(place.accountId, { ...place.wanted.public, CustomKeyStoreName }),
    ),
  );
  expect(accepted).toBe(1);
  expect(new Set(refused)).toEqual(new Set([URI]));
});

test('the quota counts both types, and comes before the URI in use and after the name (D5)', async () => {
  const place = await aPlace();
  await create(place.accountId, place.wanted.public);
  for (let count = 1; count < 10; count += 1) await placeStore(under, place.accountId);
  const sameName = await refusalOf(create(place.accountId, place.wanted.public));
  expect(sameName.name).toBe('CustomKeyStoreNameInUseException');
  const sameUri = { ...place.wanted.public, CustomKeyStoreName: 'another' };
  expect((await refusalOf(create(place.accountId, sameUri))).name).toBe('LimitExceededException');
});

test('an external store that is equal in all values is a name in use: only CloudHSM stores are replayed', async () => {
  const place = await aPlace();
  await create(place.accountId, place.wanted.public);
  expect((await refusalOf(create(place.accountId, place.wanted.public))).name).toBe(
    'CustomKeyStoreNameInUseException',
  );
});
