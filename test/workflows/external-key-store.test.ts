import type { ConnectionErrorCode } from '../../keystore/connection-error-code';
import { XKS_CONNECTION_ERROR_CODES } from '../../keystore/connection-error-code';
import type { ConnectionState } from '../../keystore/connection-state';
import type { XksConnectivity } from '../../keystore/custom-key-store';
import { workflowId } from '../../keystore/naming';
import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld, StoreWithProxy } from '../harness/connect-world';
import { eventually } from '../harness/eventually';
import { WHOLE } from '../harness/sample';

let world: ConnectWorld;
/** Where the number of tries ends the probe, and not their time: 12 s. */
let patient: ConnectWorld;

beforeAll(async () => {
  [world, patient] = await Promise.all([
    // Budgets of a twentieth: 6 s to look something up, 30 s to build, 1.5 s and four tries to ask the proxy.
    startConnectWorld({ budgetScale: 0.05 }),
    startConnectWorld({ budgetScale: 0.4 }),
  ]);
});

afterAll(() => Promise.all([world.close(), patient.close()]));

const CONNECTIVITIES: readonly XksConnectivity[] = ['PUBLIC_ENDPOINT', 'VPC_ENDPOINT_SERVICE'];

/** Connects and waits for the end: CONNECTED, or the code. */
async function connectTo(
  { store }: StoreWithProxy,
  by = world,
): Promise<ConnectionErrorCode | ConnectionState> {
  await by.connect(store.id);
  const { connectionState, connectionErrorCode } = await by.untilState(store.id, 'CONNECTED', 'FAILED');
  return connectionErrorCode ?? connectionState;
}

async function disconnectFrom({ store }: StoreWithProxy): Promise<void> {
  await world.disconnect(store.id);
  await world.untilState(store.id, 'DISCONNECTED');
}

async function built({ store }: StoreWithProxy): Promise<number[]> {
  const { vpcEndpoints, hostedZones, securityGroups, networkInterfaces } = await world.simulator.inventory(
    store.accountId,
  );
  const records = hostedZones.flatMap((zone) => zone.Records);
  return [vpcEndpoints, hostedZones, records, securityGroups, networkInterfaces].map((items) => items.length);
}

const NOTHING = [0, 0, 0, 0, 0];

async function failedStep({ store }: StoreWithProxy): Promise<{ name?: string; message?: string }> {
  const operations = await world.operations(store.id);
  const connect = operations.find(({ kind }) => kind === 'connect');
  return connect?.steps.find(({ state }) => state === 'failed') ?? {};
}

describe('connecting to a public proxy', () => {
  it('asks it for its health with the id of the request, and builds nothing', async () => {
    const target = await world.anXksStore();
    expect(await connectTo(target)).toBe('CONNECTED');
    const { requests } = await world.simulator.proxy(target.proxy.id);
    expect(requests).toMatchObject([
      {
        operation: 'GetHealthStatus',
        kmsOperation: 'ConnectCustomKeyStore',
        kmsRequestId: `request for ${target.store.id}`,
        signedHeaders: ['host', 'x-amz-date'],
      },
    ]);
    const [connect] = await world.operations(target.store.id);
    expect(connect?.steps.map(({ name }) => name)).toEqual(['probeProxy']);
    expect(await built(target)).toEqual(NOTHING);
    expect(await world.simulator.calls(target.store.accountId, 'ec2', '*')).toEqual([]);
    await disconnectFrom(target);
    expect(await connectTo(target)).toBe('CONNECTED');
  });
});

describe('connecting to a proxy behind an endpoint service', () => {
  it('takes subnets in the zones of the service alone', async () => {
    const target = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    await patchService({ availabilityZones: 2 })(target);
    expect(await connectTo(target)).toBe('CONNECTED');
  });

  it('builds one endpoint, one zone, one record, asks the proxy, and takes all of it down again', async () => {
    const target = await world.anXksStore('VPC_ENDPOINT_SERVICE');
    const { store, proxy } = target;
    expect(await connectTo(target)).toBe('CONNECTED');
    const [connect] = await world.operations(store.id);
    expect(connect?.steps.map(({ name, state }) => [name, state])).toEqual([
      ['findEndpointService', 'succeeded'],
      ['createVpcEndpoint', 'succeeded'],
      ['createPrivateDns', 'succeeded'],
      ['probeProxy', 'succeeded'],
    ]);
    const { vpcEndpoints, hostedZones } = await world.simulator.inventory(store.accountId);
    const host = proxy.XksProxyUriEndpoint.slice('https://'.length);
    const tags = expect.arrayContaining([
      { Key: 'keymoor:custom-key-store-id', Value: store.id },
      { Key: 'keymoor:generation', Value: '1' },
    ]) as unknown;
    expect(vpcEndpoints).toMatchObject([
      { ServiceName: proxy.XksProxyVpcEndpointServiceName, State: 'available', Tags: tags },
    ]);
    expect(hostedZones).toMatchObject([
      { Name: `${host}.`, Tags: tags, Records: [{ Name: `${host}.`, Type: 'A' }] },
    ]);
    expect(hostedZones[0]?.Records[0]?.Value).toContain(vpcEndpoints[0]?.VpcEndpointId);
    await disconnectFrom(target);
    expect(await built(target)).toEqual(NOTHING);
    expect(await connectTo(target)).toBe('CONNECTED');
    expect(await built(target)).toEqual([1, 1, 1, 0, 0]);
  });
});

/** What the proxy does → how the connect ends, and what the operator reads. */
const BEHAVIOURS: [behaviour: string, end: string, message: RegExp | null][] = [
  ['healthy', 'CONNECTED', null],
  ['degraded', 'CONNECTED', null],
  ['all-unavailable', 'XKS_PROXY_NOT_REACHABLE', /UNAVAILABLE/],
  ['refuse', 'XKS_PROXY_NOT_REACHABLE', /refused/i],
  ['hang', 'XKS_PROXY_TIMED_OUT', /in time/],
  ['hang-before-tls', 'XKS_PROXY_TIMED_OUT', /TLS/],
  ['reset', 'XKS_PROXY_NOT_REACHABLE', /reset|closed|cut/i],
  ['bad-credentials', 'INVALID_CREDENTIALS', /AuthenticationFailedException/],
  ['access-denied', 'XKS_PROXY_ACCESS_DENIED', /AccessDeniedException/],
  ['unknown-path', 'XKS_PROXY_INVALID_CONFIGURATION', /InvalidUriPathException/],
  ['malformed', 'XKS_PROXY_INVALID_RESPONSE', /./],
  ['throttle', 'XKS_PROXY_NOT_REACHABLE', /ThrottlingException/],
  ['dependency-timeout', 'XKS_PROXY_TIMED_OUT', /DependencyTimeoutException/],
  ['internal-error', 'XKS_PROXY_INVALID_RESPONSE', /InternalException/],
  ['unsupported', 'XKS_PROXY_INVALID_RESPONSE', /UnsupportedOperationException/],
  ['expired-certificate', 'XKS_PROXY_INVALID_TLS_CONFIGURATION', /expired/i],
  ['wrong-host-certificate', 'XKS_PROXY_INVALID_TLS_CONFIGURATION', /another-host/],
  ['untrusted-certificate', 'XKS_PROXY_INVALID_TLS_CONFIGURATION', /issue|trust|authorit/i],
  ['old-tls', 'XKS_PROXY_INVALID_TLS_CONFIGURATION', /TLS/],
];

/** The way to a private proxy is another one, and the probe is the same: a sample leaves most of it to the public one. */
const behavioursOf = (connectivity: XksConnectivity): typeof BEHAVIOURS =>
  WHOLE || connectivity === 'PUBLIC_ENDPOINT' ? BEHAVIOURS : BEHAVIOURS.filter((_, index) => index % 3 === 0);

describe.each(CONNECTIVITIES)('a connect by %s to a proxy that is', (connectivity) => {
  it.concurrent.each(behavioursOf(connectivity))('%s ends with %s', async (behaviour, end, message) => {
    const target = await world.anXksStore(connectivity);
    await world.simulator.patchProxy(target.proxy.id, { behaviour });
    expect(await connectTo(target)).toBe(end);
    if (message) {
      const step = await failedStep(target);
      expect(step).toMatchObject({ name: 'probeProxy' });
      expect(step.message).toMatch(message);
      // Temporal's web UI shows the same.
      await expect(
        world.temporal.client.workflow.getHandle(workflowId(target.store.id)).result(),
      ).rejects.toMatchObject({ cause: { type: end, message: step.message } });
      await eventually(
        () => built(target),
        (counts) => counts.every((count) => count === 0),
      );
    }
    await disconnectFrom(target);
    await world.simulator.patchProxy(target.proxy.id, { behaviour: 'healthy' });
    expect(await connectTo(target)).toBe('CONNECTED');
  });
});

describe('a proxy with', () => {
  it('another secret ends with INVALID_CREDENTIALS', async () => {
    const target = await world.anXksStore();
    await world.simulator.patchProxy(target.proxy.id, { RawSecretAccessKey: 'x'.repeat(43) });
    expect(await connectTo(target)).toBe('INVALID_CREDENTIALS');
  });

  it('trouble that passes is asked again, four times at most', async () => {
    const passing = await patient.anXksStore();
    const fault = { service: 'xks', operation: 'GetHealthStatus', effect: 'error' } as const;
    const resourceId = passing.proxy.id;
    await patient.simulator.fault({ ...fault, code: 'ThrottlingException', times: 2, resourceId });
    const lasting = await patient.anXksStore();
    await patient.simulator.patchProxy(lasting.proxy.id, { behaviour: 'internal-error' });
    expect(await Promise.all([connectTo(passing, patient), connectTo(lasting, patient)])).toEqual([
      'CONNECTED',
      'XKS_PROXY_INVALID_RESPONSE',
    ]);
    const { requests } = await patient.simulator.proxy(lasting.proxy.id);
    expect(requests.length).toBeGreaterThan(1);
    expect(requests.length).toBeLessThanOrEqual(4);
    // All of them under the same id.
    expect(new Set(requests.map(({ kmsRequestId }) => kmsRequestId)).size).toBeGreaterThanOrEqual(1);
  });
});

interface ServiceFault {
  fault: string;
  arrange: (target: StoreWithProxy) => Promise<unknown>;
  end: ConnectionErrorCode;
  message: RegExp;
}

const patchService =
  (changes: Record<string, unknown>) =>
  ({ proxy }: StoreWithProxy): Promise<unknown> =>
    world.simulator.patchEndpointService(proxy.XksProxyVpcEndpointServiceName ?? '', changes);

const SERVICE_FAULTS: ServiceFault[] = [
  {
    fault: 'is gone',
    arrange: patchService({ deleted: true }),
    end: 'XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND',
    message: /does not exist/,
  },
  {
    fault: 'does not allow KMS',
    arrange: patchService({ kmsAllowed: false }),
    end: 'XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND',
    message: /cks\.kms\.us-east-1\.amazonaws\.com/,
  },
  {
    fault: 'requires acceptance',
    arrange: patchService({ acceptanceRequired: true }),
    end: 'XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION',
    message: /acceptance/,
  },
  {
    fault: 'spans one zone',
    arrange: patchService({ availabilityZones: 1 }),
    end: 'XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION',
    message: /at least 2/,
  },
  {
    fault: 'has a Gateway Load Balancer',
    arrange: patchService({ loadBalancerType: 'gateway' }),
    end: 'XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION',
    message: /Network Load Balancer/,
  },
  {
    fault: 'has a name that is not verified yet',
    arrange: patchService({ privateDnsNameState: 'pendingVerification' }),
    end: 'XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION',
    message: /pendingVerification/,
  },
  {
    fault: 'has a name whose verification failed',
    arrange: patchService({ privateDnsNameState: 'failed' }),
    end: 'XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION',
    message: /failed/,
  },
  {
    fault: 'has another name',
    arrange: patchService({ privateDnsName: 'other.example.com' }),
    end: 'XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION',
    message: /other\.example\.com/,
  },
  {
    fault: 'lets nobody in while the endpoint is made',
    arrange: async ({ store, proxy }) => {
      const resourceId = proxy.XksProxyVpcEndpointServiceName ?? '';
      const held = { service: 'ec2', operation: 'CreateVpcEndpoint', effect: 'hold', resourceId } as const;
      const fault = await world.simulator.fault(held);
      void eventually(
        () => world.simulator.calls(store.accountId, 'ec2', 'CreateVpcEndpoint'),
        (calls) => calls.some(({ outcome }) => outcome === 'held'),
      ).then(async () => {
        await patchService({ acceptanceRequired: true })({ store, proxy });
        await world.simulator.deleteFault(fault);
      });
    },
    end: 'XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION',
    message: /pendingacceptance/,
  },
  {
    fault: 'cannot be looked up for want of a permission',
    arrange: ({ store }) =>
      world.simulator.fault({
        service: 'ec2',
        operation: 'DescribeVpcEndpointServices',
        effect: 'error',
        code: 'UnauthorizedOperation',
        status: 403,
        times: 0,
        accountId: store.accountId,
      }),
    end: 'INTERNAL_ERROR',
    message: /ec2:DescribeVpcEndpointServices/,
  },
  {
    fault: 'is silent',
    arrange: ({ store }) =>
      world.simulator.fault({
        service: 'ec2',
        operation: 'DescribeVpcEndpointServices',
        effect: 'reset',
        times: 0,
        accountId: store.accountId,
      }),
    end: 'NETWORK_ERRORS',
    message: /Gave up/,
  },
  {
    fault: 'is sound, but the subnets have no address left',
    arrange: ({ store }) =>
      world.simulator.fault({
        service: 'ec2',
        operation: 'CreateVpcEndpoint',
        effect: 'error',
        code: 'InsufficientFreeAddressesInSubnet',
        status: 400,
        times: 0,
        accountId: store.accountId,
      }),
    end: 'INTERNAL_ERROR',
    message: /KEYMOOR_SUBNET_IDS/,
  },
  {
    fault: 'is sound, but Route 53 lets nobody make zones',
    arrange: ({ store }) =>
      world.simulator.fault({
        service: 'route53',
        operation: 'CreateHostedZone',
        effect: 'error',
        code: 'TooManyHostedZones',
        status: 400,
        times: 0,
        accountId: store.accountId,
      }),
    end: 'INTERNAL_ERROR',
    message: /TooManyHostedZones/,
  },
];

describe('a connect to an endpoint service that', () => {
  it.concurrent.each(SERVICE_FAULTS)(
    '$fault ends with $end and leaves nothing',
    async ({ arrange, end, message }) => {
      const target = await world.anXksStore('VPC_ENDPOINT_SERVICE');
      await arrange(target);
      expect(await connectTo(target)).toBe(end);
      expect((await failedStep(target)).message).toMatch(message);
      await eventually(
        () => built(target),
        (counts) => counts.every((count) => count === 0),
      );
      await disconnectFrom(target);
    },
  );
});

it('every code that an external key store can have is reached', () => {
  const reached = [...BEHAVIOURS.map(([, end]) => end), ...SERVICE_FAULTS.map(({ end }) => end)];
  expect([...new Set(reached)].filter((end) => end !== 'CONNECTED').sort()).toEqual(
    [...XKS_CONNECTION_ERROR_CODES].sort(),
  );
});
