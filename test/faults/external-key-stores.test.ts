import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld, StoreWithProxy } from '../harness/connect-world';
import { eventually } from '../harness/eventually';
import { WHOLE } from '../harness/sample';

let world: ConnectWorld;

beforeAll(async () => {
  world = await startConnectWorld({ budgetScale: 0.2 });
});

afterAll(() => world.close());

/** Interface endpoints, hosted zones, records of a store. */
async function built({ store }: StoreWithProxy): Promise<[number, number, number]> {
  const { vpcEndpoints, hostedZones } = await world.simulator.inventory(store.accountId);
  return [vpcEndpoints.length, hostedZones.length, hostedZones.flatMap((zone) => zone.Records).length];
}

const OF_CONNECT = [
  ['ec2', 'DescribeVpcEndpointServices', 'findEndpointService'],
  ['ec2', 'DescribeVpcEndpointServiceConfigurations', 'findEndpointService'],
  ['ec2', 'DescribeVpcEndpointServicePermissions', 'findEndpointService'],
  ['ec2', 'CreateVpcEndpoint', 'createVpcEndpoint'],
  ['ec2', 'DescribeVpcEndpoints', 'createVpcEndpoint'],
  ['route53', 'CreateHostedZone', 'createPrivateDns'],
  ['route53', 'ChangeTagsForResource', 'createPrivateDns'],
  ['route53', 'ChangeResourceRecordSets', 'createPrivateDns'],
  ['xks', 'GetHealthStatus', 'probeProxy'],
] as const;

const OF_DISCONNECT = [
  ['route53', 'ListResourceRecordSets'],
  ['route53', 'ChangeResourceRecordSets'],
  ['route53', 'DeleteHostedZone'],
  ['ec2', 'DeleteVpcEndpoints'],
  ['ec2', 'DescribeVpcEndpoints'],
] as const;

/** The proxies know no account; everything else of a store is told by it. */
const narrowed = (service: string, { store, proxy }: StoreWithProxy): Record<string, string> =>
  service === 'xks' ? { resourceId: proxy.id } : { accountId: store.accountId };

const EFFECTS = ['lost-reply', 'reset'] as const;

/** A reply that is lost after a read has lost nothing else: a sample leaves it to the whole tests. */
const effectsOf = (operation: string) =>
  WHOLE || !/^(Describe|List|Get)/.test(operation) ? EFFECTS : (['reset'] as const);

describe('a connect to a private proxy whose request', () => {
  const cases = OF_CONNECT.flatMap(([service, operation]) =>
    effectsOf(operation).map((effect) => ({ service, operation, effect })),
  );
  it.concurrent.each(cases)(
    '$operation met "$effect" is tried again: one endpoint, one zone, one record, CONNECTED',
    async (fault) => {
      const target = await world.anXksStore('VPC_ENDPOINT_SERVICE');
      const { store } = target;
      await world.simulator.fault({ ...fault, times: 1, ...narrowed(fault.service, target) });
      await world.connect(store.id);
      expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
        connectionState: 'CONNECTED',
      });
      const [connect] = await world.operations(store.id);
      expect(Math.max(...(connect?.steps.map((step) => step.attempts) ?? []))).toBeGreaterThanOrEqual(2);
      expect(await built(target)).toEqual([1, 1, 1]);
      await world.disconnect(store.id);
      await world.untilState(store.id, 'DISCONNECTED');
      expect(await built(target)).toEqual([0, 0, 0]);
    },
  );
});

describe('a disconnect from a private proxy whose request', () => {
  const cases = OF_DISCONNECT.flatMap(([service, operation]) =>
    effectsOf(operation).map((effect) => ({ service, operation, effect })),
  );
  it.concurrent.each(cases)(
    '$operation met "$effect" ends in DISCONNECTED with nothing left',
    async (fault) => {
      const target = await world.anXksStore('VPC_ENDPOINT_SERVICE');
      const { store } = target;
      await world.connect(store.id);
      await world.untilState(store.id, 'CONNECTED');
      await world.simulator.fault({ ...fault, times: 1, accountId: store.accountId });
      await world.disconnect(store.id);
      await world.untilState(store.id, 'DISCONNECTED');
      expect(await built(target)).toEqual([0, 0, 0]);
      const [disconnect] = await world.operations(store.id);
      const release = disconnect?.steps.find(({ name }) => name === 'releaseInfrastructure');
      expect(release?.attempts).toBeGreaterThanOrEqual(2);
    },
  );
});

describe('a Disconnect while the store is CONNECTING', () => {
  it.concurrent.each(OF_CONNECT.map(([service, operation, step]) => ({ service, operation, step })))(
    'overtakes $step held up in $operation and leaves nothing, even when that request arrives late',
    async ({ service, operation, step }) => {
      const target = await world.anXksStore('VPC_ENDPOINT_SERVICE');
      const { store } = target;
      const fault = await world.simulator.fault({
        service,
        operation,
        effect: 'hold',
        times: 1,
        ...narrowed(service, target),
      });
      await world.connect(store.id);
      await eventually(
        () => world.operations(store.id),
        ([connect]) => connect?.steps.at(-1)?.name === step,
      );
      await world.disconnect(store.id);
      await world.untilState(store.id, 'DISCONNECTED');
      const [disconnect, connect] = await world.operations(store.id);
      expect([connect?.state, disconnect?.state]).toEqual(['cancelled', 'succeeded']);
      // Only what a request that is still on its way may make is left to be made.
      expect(await built(target)).toEqual([0, 0, 0]);

      await world.simulator.deleteFault(fault);
      await eventually(
        () => world.simulator.calls(store.accountId, service, operation),
        (calls) => calls.every(({ outcome }) => outcome !== 'held'),
      );
      // A hosted zone's reference is free again when its zone is gone: what comes late is found and removed.
      await eventually(
        () => built(target),
        (counts) => counts.every((count) => count === 0),
      );

      await world.connect(store.id);
      expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
        connectionState: 'CONNECTED',
      });
      expect(await built(target)).toEqual([1, 1, 1]);
    },
  );

  it('overtakes a public probe that hangs', async () => {
    const target = await world.anXksStore();
    const { store } = target;
    await world.simulator.patchProxy(target.proxy.id, { behaviour: 'hang' });
    await world.connect(store.id);
    await eventually(
      () => world.operations(store.id),
      ([connect]) => connect?.steps.at(-1)?.name === 'probeProxy',
    );
    await world.disconnect(store.id);
    await world.untilState(store.id, 'DISCONNECTED');
    const [, connect] = await world.operations(store.id);
    expect(connect?.state).toBe('cancelled');
  });
});

describe('what AWS refuses to remove', () => {
  it('keeps the store DISCONNECTING, with the reason, until it can be removed (D16)', async () => {
    const target = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    const { store } = target;
    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED');
    const fault = await world.simulator.fault({
      service: 'ec2',
      operation: 'DeleteVpcEndpoints',
      effect: 'error',
      code: 'UnauthorizedOperation',
      status: 403,
      times: 0,
      accountId: store.accountId,
    });
    await world.disconnect(store.id);
    const [disconnect] = await eventually(
      () => world.operations(store.id),
      ([operation]) =>
        operation?.steps.find(({ name }) => name === 'releaseInfrastructure')?.message !== undefined,
    );
    expect(disconnect?.steps.find(({ name }) => name === 'releaseInfrastructure')?.message).toMatch(
      /ec2:DeleteVpcEndpoints/,
    );
    expect((await world.read(store.id)).connectionState).toBe('DISCONNECTING');
    await world.simulator.deleteFault(fault);
    await world.untilState(store.id, 'DISCONNECTED');
    expect(await built(target)).toEqual([0, 0, 0]);
  });

  it('is no obstacle where the customer has removed it already', async () => {
    const target = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    const { store } = target;
    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED');
    await world.simulator.deleteProxy(target.proxy.id);
    await world.disconnect(store.id);
    await world.untilState(store.id, 'DISCONNECTED');
    expect(await built(target)).toEqual([0, 0, 0]);
  });
});
