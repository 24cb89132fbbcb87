import { createActivities } from '../../activities/create-activities';
import type { Activities } from '../../activities/create-activities';
import type { Dependencies } from '../../activities/dependencies';
import type { AwsClients } from '../../clients/aws/aws-clients';
import { createPrivateHostedZone, deleteHostedZone } from '../../clients/aws/hosted-zones';
import { SecretBox } from '../../database/secret-box';
import { removeLateArrivals } from '../../worker/late-arrivals';
import { attempt, attemptEnvironment } from '../harness/attempt';
import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld } from '../harness/connect-world';
import { eventually } from '../harness/eventually';
import type { Fault } from '../harness/simulator-control';

/* Single attempts of single steps, so that what lies between them can be chosen exactly. */

let world: ConnectWorld;
let aws: AwsClients;
/** for the attempts that meet a request which stays unanswered: it is given up soon */
let impatient: AwsClients;

beforeAll(async () => {
  world = await startConnectWorld({ worker: false });
  ({ aws } = world.dependencies);
  impatient = { ...aws, requestTimeoutMs: 2_000 };
});

afterAll(() => world.close());

const aWorker = (parts: Partial<Dependencies> = {}): Activities =>
  createActivities({ ...world.dependencies, aws, budgetScale: 1, ...parts });

/** An attempt whose request of this operation is lost: the fault hangs it, and the connection breaks without an answer. */
async function losing(
  accountId: string,
  { service, operation }: Pick<Fault, 'service' | 'operation'>,
  activity: () => Promise<unknown>,
): Promise<void> {
  const id = await world.simulator.fault({ service, operation, effect: 'hang', times: 1, accountId });
  const lost = expect(attempt(activity)).rejects.toThrow();
  await eventually(
    () => world.simulator.calls(accountId, service, operation),
    (calls) => calls.some(({ outcome }) => outcome === 'hang'),
  );
  await world.simulator.deleteFault(id);
  await lost;
}

/** As often as it takes, but no more than so many times. */
async function within<T>(most: number, activity: () => Promise<T>): Promise<T> {
  for (let left = most; ; left -= 1) {
    try {
      return await attempt(activity);
    } catch (error) {
      if (left <= 1 || (error as { nonRetryable?: boolean }).nonRetryable === true) throw error;
    }
  }
}

/** Interface endpoints and hosted zones. */
async function built(accountId: string): Promise<[number, number]> {
  const { vpcEndpoints, hostedZones } = await world.simulator.inventory(accountId);
  return [vpcEndpoints.length, hostedZones.length];
}

const untilBuilt = (accountId: string, ...wanted: [number, number]): Promise<unknown> =>
  eventually(
    () => built(accountId),
    (counts) => counts.join() === wanted.join(),
  );

interface ZoneRow {
  id: string;
  request: { name: string; vpcId: string };
  watch_until: Date | null;
}

async function latestZone(storeId: string): Promise<ZoneRow> {
  const { rows } = await world.database.pool.query<ZoneRow>(
    `SELECT id, request, watch_until FROM provisioned_resources
     WHERE custom_key_store_id = $1 AND kind = 'hosted-zone' ORDER BY planned_at DESC LIMIT 1`,
    [storeId],
  );
  if (!rows[0]) throw new Error('no zone was planned');
  return rows[0];
}

async function untilEndpoint(worker: Activities, storeId: string) {
  const { input } = await world.accept('connect', storeId);
  const choice = await attempt(() => worker.findEndpointService(input));
  const endpoint = await attempt(() => worker.createVpcEndpoint(input, choice));
  return { input, choice, endpoint };
}

async function release(worker: Activities, storeId: string, most: number): Promise<void> {
  const { input } = await world.accept('disconnect', storeId);
  await within(most, () => worker.releaseInfrastructure(input));
  await attempt(() => worker.recordOutcome(input, { event: 'disconnect-succeeded' }));
}

const zoneFault = (
  accountId: string,
  fault: { effect: Fault['effect'] } & Record<string, unknown>,
): Promise<string> =>
  world.simulator.fault({ ...fault, service: 'route53', operation: 'CreateHostedZone', accountId });

const lateArrivals = (): Promise<number> =>
  removeLateArrivals({ database: world.database, aws, logger: world.logger });

describe('a hosted zone', () => {
  it('of the customer’s own, with the proxy’s name, does not keep the store DISCONNECTING', async () => {
    const { store } = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    const { accountId } = store;
    const worker = aWorker();
    const { input, choice, endpoint } = await untilEndpoint(worker, store.id);
    await createPrivateHostedZone(aws, accountId, {
      name: store.xksProxy.uriEndpoint.slice('https://'.length),
      vpcId: choice.vpcId,
      callerReference: 'the customer’s own',
      comment: '',
    });
    await expect(attempt(() => worker.createPrivateDns(input, endpoint))).rejects.toThrow(/Conflicting/);
    await release(worker, store.id, 3);
    expect(await built(accountId)).toEqual([0, 1]);
  });

  it('that a late request of an earlier connect made gives way to the next connect', async () => {
    const { store } = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    const { accountId } = store;
    const worker = aWorker();
    const first = await untilEndpoint(worker, store.id);
    await losing(accountId, { service: 'route53', operation: 'CreateHostedZone' }, () =>
      worker.createPrivateDns(first.input, first.endpoint),
    );
    await release(worker, store.id, 2);
    const old = await latestZone(store.id);
    expect(old.watch_until).not.toBeNull();

    const second = await untilEndpoint(worker, store.id);
    // The first connect's request arrives now.
    await createPrivateHostedZone(aws, accountId, { ...old.request, callerReference: old.id, comment: '' });
    await within(3, () => worker.createPrivateDns(second.input, second.endpoint));
    await release(worker, store.id, 3);
    expect(await built(accountId)).toEqual([0, 0]);
  });

  it('whose create is held up is watched for, though its release was tried twice', async () => {
    const { store } = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    const { accountId } = store;
    const worker = aWorker();
    const { input, endpoint } = await untilEndpoint(worker, store.id);
    const held = await zoneFault(accountId, { effect: 'hold', times: 1 });
    const inVain = aWorker({ aws: impatient });
    await expect(attempt(() => inVain.createPrivateDns(input, endpoint))).rejects.toThrow();
    await world.simulator.fault({
      service: 'route53',
      operation: 'DeleteHostedZone',
      effect: 'lost-reply',
      times: 1,
      accountId,
    });
    await release(worker, store.id, 3);
    expect(await built(accountId)).toEqual([0, 0]);
    await world.simulator.deleteFault(held);
    await untilBuilt(accountId, 0, 1);
    await lateArrivals();
    expect(await built(accountId)).toEqual([0, 0]);
  });

  it('whose create was sent twice is watched for, though the second request was answered', async () => {
    const { store } = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    const { accountId } = store;
    const worker = aWorker();
    const { input, endpoint } = await untilEndpoint(worker, store.id);
    const held = await zoneFault(accountId, { effect: 'hold', times: 1 });
    const inVain = aWorker({ aws: impatient });
    await expect(attempt(() => inVain.createPrivateDns(input, endpoint))).rejects.toThrow();
    await attempt(() => worker.createPrivateDns(input, endpoint));
    await release(worker, store.id, 2);
    expect(await built(accountId)).toEqual([0, 0]);
    await world.simulator.deleteFault(held);
    await untilBuilt(accountId, 0, 1);
    await lateArrivals();
    expect(await built(accountId)).toEqual([0, 0]);
  });

  it('that somebody deletes before it has its record is made again', async () => {
    const { store } = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    const { accountId } = store;
    const worker = aWorker();
    const { input, endpoint } = await untilEndpoint(worker, store.id);
    await world.simulator.fault({
      service: 'route53',
      operation: 'ChangeResourceRecordSets',
      effect: 'error',
      code: 'InternalFailure',
      status: 500,
      times: 1,
      accountId,
    });
    await expect(attempt(() => worker.createPrivateDns(input, endpoint))).rejects.toThrow(/InternalFailure/);
    const { hostedZones } = await world.simulator.inventory(accountId);
    await deleteHostedZone(aws, accountId, hostedZones[0]?.Id.split('/').at(-1) ?? '');
    await expect(attempt(() => worker.createPrivateDns(input, endpoint))).rejects.toThrow(/is gone/);
    await attempt(() => worker.createPrivateDns(input, endpoint));
    expect(await built(accountId)).toEqual([1, 1]);
    await attempt(() => worker.probeProxy(input));
  });

  it('whose reference outlives it does not hold up the release for ever', async () => {
    const { store } = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    const { accountId } = store;
    const worker = aWorker();
    const { input, endpoint } = await untilEndpoint(worker, store.id);
    const code = 'HostedZoneAlreadyExists';
    const fault = await zoneFault(accountId, { effect: 'error', code, status: 409, times: 0 });
    await expect(attempt(() => worker.createPrivateDns(input, endpoint))).rejects.toThrow(/not shown yet/);
    await release(worker, store.id, 10);
    await world.simulator.deleteFault(fault);
    expect(await built(accountId)).toEqual([0, 0]);
    expect((await latestZone(store.id)).watch_until).not.toBeNull();
  });
});

describe('an interface endpoint', () => {
  /** Clients to which what was made lately is not yet known, as EC2 now and then has it. */
  function hiding(): { clients: AwsClients; show(): void } {
    let hidden = true;
    const answers: Record<string, (ids: string[]) => object> = {
      DescribeVpcEndpointsCommand: () => ({ VpcEndpoints: [] }),
      DeleteVpcEndpointsCommand: (ids) => ({
        Unsuccessful: ids.map((ResourceId) => ({
          ResourceId,
          Error: { Code: 'InvalidVpcEndpointId.NotFound', Message: 'does not exist' },
        })),
      }),
    };
    const ec2: AwsClients['ec2'] = (accountId) =>
      new Proxy(aws.ec2(accountId), {
        get(target, member) {
          const own = Reflect.get(target, member) as unknown;
          if (member !== 'send') return own;
          return async (sent: { input: { VpcEndpointIds?: string[] } }, ...rest: never[]) => {
            const answer = hidden ? answers[sent.constructor.name] : undefined;
            if (answer) return answer(sent.input.VpcEndpointIds ?? []);
            return (own as (...all: unknown[]) => Promise<unknown>).call(target, sent, ...rest);
          };
        },
      });
    return { clients: { ...aws, ec2 }, show: () => (hidden = false) };
  }

  it('that EC2 does not show yet is not left behind at DISCONNECTED', async () => {
    const { store } = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    const { accountId } = store;
    const { clients, show } = hiding();
    const worker = aWorker({ aws: clients });
    const { input } = await world.accept('connect', store.id);
    const choice = await attempt(() => worker.findEndpointService(input));
    const environment = attemptEnvironment();
    const creating = environment.run(() => worker.createVpcEndpoint(input, choice));
    const overtaken = expect(creating).rejects.toThrow();
    await untilBuilt(accountId, 1, 0);
    const { input: disconnect } = await world.accept('disconnect', store.id);
    environment.cancel('CANCELLED', { cancelRequested: true } as never);
    await overtaken;
    await within(3, () => worker.releaseInfrastructure(disconnect));
    await attempt(() => worker.recordOutcome(disconnect, { event: 'disconnect-succeeded' }));
    show();
    await lateArrivals();
    await untilBuilt(accountId, 0, 0);
  });

  it('that can never be made, as its service is gone, does not hold up the release', async () => {
    const { store, proxy } = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    const { accountId } = store;
    const worker = aWorker();
    const { input } = await world.accept('connect', store.id);
    const choice = await attempt(() => worker.findEndpointService(input));
    await losing(accountId, { service: 'ec2', operation: 'CreateVpcEndpoint' }, () =>
      worker.createVpcEndpoint(input, choice),
    );
    await world.simulator.deleteProxy(proxy.id);
    await release(worker, store.id, 1);
    expect(await built(accountId)).toEqual([0, 0]);
  });

  it('is described as it was planned, when a repeated run has chosen otherwise', async () => {
    const { store } = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    const worker = aWorker();
    const { input, choice } = await untilEndpoint(worker, store.id);
    const again = await attempt(() => worker.createVpcEndpoint(input, { ...choice, vpcId: 'vpc-other' }));
    expect(again.vpcId).toBe(choice.vpcId);
  });
});

describe('a probe', () => {
  it('has its four tries for what the proxy refuses: failures of our own do not count', async () => {
    const { store, proxy } = await world.anXksStore();
    const { input } = await world.accept('connect', store.id);
    const wrongKey = aWorker({ secrets: new SecretBox(Buffer.alloc(32, 1)) });
    for (let round = 0; round < 4; round += 1) {
      await expect(attempt(() => wrongKey.probeProxy(input))).rejects.toMatchObject({ nonRetryable: false });
    }
    await world.simulator.fault({
      service: 'xks',
      operation: 'GetHealthStatus',
      effect: 'error',
      code: 'ThrottlingException',
      times: 1,
      resourceId: proxy.id,
    });
    const refused = attempt(() => aWorker().probeProxy(input));
    await expect(refused).rejects.toMatchObject({ nonRetryable: false, type: 'XKS_PROXY_NOT_REACHABLE' });
    await attempt(() => aWorker().probeProxy(input));
  });

  it('has time for one request though the steps before it used up the connect’s', async () => {
    const { store } = await world.anXksStore();
    const { input } = await world.accept('connect', store.id);
    await world.database.pool.query(
      `INSERT INTO operation_steps (operation_id, name, state, spent_ms)
       SELECT id, 'createPrivateDns', 'succeeded', 600000 FROM operations WHERE custom_key_store_id = $1`,
      [store.id],
    );
    await attempt(() => aWorker().probeProxy(input));
  });
});

it('a public store that was private once is disconnected without a word to AWS', async () => {
  const { store } = await world.anXksStore('VPC_ENDPOINT_SERVICE');
  const worker = aWorker();
  await untilEndpoint(worker, store.id);
  await release(worker, store.id, 3);
  await world.database.pool.query(
    `UPDATE custom_key_stores SET xks_connectivity = 'PUBLIC_ENDPOINT', xks_vpc_endpoint_service_name = NULL,
       xks_vpc_endpoint_service_owner = NULL WHERE id = $1`,
    [store.id],
  );
  const called = async (): Promise<number> =>
    (await world.simulator.calls(store.accountId, 'ec2', 'DescribeVpcEndpoints')).length;
  const before = await called();
  await world.accept('connect', store.id);
  await release(worker, store.id, 1);
  expect(await called()).toBe(before);
});

describe('where AWS takes its time', () => {
  let slow: ConnectWorld;

  beforeAll(async () => {
    slow = await startConnectWorld({ worker: false, pace: 1 });
  });

  afterAll(() => slow.close());

  it('the name resolves when it was made, and nothing is left when the release is done', async () => {
    const { store } = await slow.anXksStore('VPC_ENDPOINT_SERVICE');
    const worker = createActivities({ ...slow.dependencies, budgetScale: 1 });
    const { input } = await slow.accept('connect', store.id);
    const choice = await attempt(() => worker.findEndpointService(input));
    const endpoint = await attempt(() => worker.createVpcEndpoint(input, choice));
    await attempt(() => worker.createPrivateDns(input, endpoint));
    const { host } = new URL(store.xksProxy.uriEndpoint);
    const way = await fetch(`${slow.simulator.url}/_network/names?host=${host}`);
    expect(way.status).toBe(200);

    const { input: disconnect } = await slow.accept('disconnect', store.id);
    await attempt(() => worker.releaseInfrastructure(disconnect));
    const { vpcEndpoints, hostedZones } = await slow.simulator.inventory(store.accountId);
    expect([vpcEndpoints, hostedZones]).toEqual([[], []]);
  });
});
