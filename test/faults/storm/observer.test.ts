import { GENERATION_TAG, STORE_TAG } from '../../../keystore/naming';
import type { Inventory, SimulatedCall } from '../../harness/simulator-control';
import { ACCOUNT, STORE, simulated } from './by-hand';
import { Observer } from './observer';
import type { SimulatedWorld } from './simulated-world';

/** A simulated world as somebody sees it who looks again and again: each list is the next look, the last one stays. */
function worldOf(looks: {
  inventories?: Inventory[];
  calls?: SimulatedCall[][];
  passwords?: (string | undefined)[];
}): SimulatedWorld {
  const next = <T>(list: T[] | undefined, none: T): T =>
    (list && list.length > 1 ? list.shift() : list?.[0]) ?? none;
  const control = {
    wholeInventory: () => Promise.resolve(next(looks.inventories, inventory())),
    allCalls: () => Promise.resolve(next(looks.calls, [])),
    cluster: () => {
      const password = next(looks.passwords, undefined);
      return password === undefined
        ? Promise.reject(new Error('404'))
        : Promise.resolve({ kmsuser: { password } });
    },
  };
  return { ask: (request: (of: typeof control) => unknown) => request(control) } as unknown as SimulatedWorld;
}

const Tags = [
  { Key: STORE_TAG, Value: STORE },
  { Key: GENERATION_TAG, Value: '1' },
];
function inventory(...interfaces: [id: string, subnet: string][]): Inventory {
  return {
    securityGroups: [],
    networkInterfaces: interfaces.map(([NetworkInterfaceId, SubnetId]) => ({
      NetworkInterfaceId,
      SubnetId,
      accountId: ACCOUNT,
      Groups: [],
      Tags,
    })),
    vpcEndpoints: [],
    hostedZones: [],
  };
}

/** Looks once at its start, and once at its end. */
async function observed(world: SimulatedWorld): Promise<Observer> {
  const observer = new Observer(world, () => ['cluster-1']);
  observer.start();
  await observer.stop();
  return observer;
}

it('two things in one place at the same time are seen', async () => {
  const twice = await observed(worldOf({ inventories: [inventory(['eni-1', 's'], ['eni-2', 's'])] }));
  expect([...twice.duplicates.values()]).toEqual(['eni-1 and eni-2']);
  const apart = await observed(worldOf({ inventories: [inventory(['eni-1', 's'], ['eni-2', 't'])] }));
  expect(apart.duplicates.size).toBe(0);
});

it('every call is kept once, also where the simulator has forgotten it', async () => {
  const [first, second, third] = [simulated(1, 'A'), simulated(2, 'B'), simulated(3, 'C')];
  const seen = await observed(
    worldOf({
      calls: [
        [first, second],
        [second, third],
      ],
    }),
  );
  expect(seen.calls.map(({ operation }) => operation)).toEqual(['A', 'B', 'C']);
  expect(seen.gaps).toEqual([]);
});

it('calls that were forgotten before anybody saw them are known to be missing', async () => {
  const seen = await observed(worldOf({ calls: [[simulated(1, 'A')], [simulated(3, 'C')]] }));
  expect(seen.gaps).toEqual(['2026-01-01T00:00:01.000Z to 2026-01-01T00:00:03.000Z']);
});

it('every password that a user has while somebody looks is kept', async () => {
  const observer = await observed(worldOf({ passwords: ['given', 'rotated', undefined, 'rotatedAgain'] }));
  for (let look = 0; look < 3; look++) await observer.notePasswords();
  expect([...observer.passwords]).toEqual(['given', 'rotated', 'rotatedAgain']);
});
