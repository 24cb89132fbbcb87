import type { ConnectionErrorCode } from '../../keystore/connection-error-code';
import { CLOUDHSM_CONNECTION_ERROR_CODES } from '../../keystore/connection-error-code';
import { workflowId } from '../../keystore/naming';
import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld, StoreWithCluster } from '../harness/connect-world';
import { eventually } from '../harness/eventually';
import type { SimulatorControl } from '../harness/simulator-control';

/** Where a step has all the time that it may need: 48 s to look something up, 4 min to build, 48 s to log in. */
let world: ConnectWorld;
/** For causes that spend a budget: 6 s to look something up, and to log in. */
let hasty: ConnectWorld;

beforeAll(async () => {
  [world, hasty] = await Promise.all([
    startConnectWorld({ budgetScale: 0.4 }),
    startConnectWorld({ budgetScale: 0.05 }),
  ]);
});

afterAll(() => Promise.all([world.close(), hasty.close()]));

interface Cause {
  code: ConnectionErrorCode;
  cause: string;
  step: string;
  /** what the message must tell the operator */
  message: RegExp;
  cluster?: Record<string, unknown>;
  password?: string;
  arrange?: (target: StoreWithCluster, simulator: SimulatorControl) => Promise<unknown>;
}

const patch =
  (changes: Record<string, unknown>) =>
  ({ cluster }: StoreWithCluster, simulator: SimulatorControl): Promise<unknown> =>
    simulator.patchCluster(cluster.ClusterId, changes);

const firstSubnet = (cluster: StoreWithCluster['cluster']): string => cluster.SubnetIds[0] ?? '';

const awsError =
  (service: 'cloudhsm' | 'ec2', operation: string, code: string, status: number, times = 0) =>
  ({ store }: StoreWithCluster, simulator: SimulatorControl): Promise<unknown> =>
    simulator.fault({
      service,
      operation,
      effect: 'error',
      code,
      status,
      times,
      accountId: store.accountId,
    });

const CAUSES: Cause[] = [
  {
    code: 'CLUSTER_NOT_FOUND',
    cause: 'the cluster was deleted',
    step: 'findCluster',
    message: /There is no cluster cluster-/,
    arrange: ({ cluster }, simulator) => simulator.deleteCluster(cluster.ClusterId),
  },
  {
    code: 'INSUFFICIENT_CLOUDHSM_HSMS',
    cause: 'the cluster has no active HSM (D13)',
    step: 'findCluster',
    message: /has no ACTIVE HSM\. Create one/,
    arrange: patch({ activeHsms: 0 }),
  },
  {
    code: 'INTERNAL_ERROR',
    cause: "the cluster's security group lacks its rules (D12)",
    step: 'findCluster',
    message: /must allow TCP 2223-2225/,
    arrange: patch({ securityGroupRules: false }),
  },
  {
    code: 'INTERNAL_ERROR',
    cause: 'the cluster does not become ACTIVE within the budget (D14)',
    step: 'findCluster',
    message: /UPDATE_IN_PROGRESS.*not ACTIVE.*Gave up/,
    arrange: patch({ state: 'UPDATE_IN_PROGRESS' }),
  },
  {
    code: 'INTERNAL_ERROR',
    cause: 'the permission to describe clusters is missing (D29)',
    step: 'findCluster',
    message: /cloudhsm:DescribeClusters/,
    arrange: awsError('cloudhsm', 'DescribeClusters', 'CloudHsmAccessDeniedException', 400),
  },
  {
    code: 'INTERNAL_ERROR',
    cause: 'CloudHSM answers 500 until the budget is spent',
    step: 'findCluster',
    message: /Gave up/,
    arrange: awsError('cloudhsm', 'DescribeClusters', 'CloudHsmInternalFailureException', 500),
  },
  {
    code: 'NETWORK_ERRORS',
    cause: 'CloudHSM does not answer until the budget is spent',
    step: 'findCluster',
    message: /Gave up/,
    arrange: ({ store }, simulator) =>
      simulator.fault({
        service: 'cloudhsm',
        operation: 'DescribeClusters',
        effect: 'reset',
        times: 0,
        accountId: store.accountId,
      }),
  },
  {
    code: 'SUBNET_NOT_FOUND',
    cause: 'a subnet of the cluster was deleted',
    step: 'createInfrastructure',
    message: /InvalidSubnetID\.NotFound/,
    arrange: ({ cluster }, simulator) => simulator.deleteSubnet(firstSubnet(cluster)),
  },
  {
    code: 'INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET',
    cause: 'a subnet has no free address',
    step: 'createInfrastructure',
    message: /InsufficientFreeAddressesInSubnet/,
    arrange: ({ cluster }, simulator) =>
      simulator.patchSubnet(firstSubnet(cluster), { availableIpAddressCount: 0 }),
  },
  {
    code: 'INTERNAL_ERROR',
    cause: 'the permission to create interfaces is missing (D29)',
    step: 'createInfrastructure',
    message: /ec2:CreateNetworkInterface/,
    arrange: awsError('ec2', 'CreateNetworkInterface', 'UnauthorizedOperation', 403),
  },
  {
    code: 'INTERNAL_ERROR',
    cause: 'the quota of security groups is used up (D29)',
    step: 'createInfrastructure',
    message: /SecurityGroupLimitExceeded.*quota/,
    arrange: awsError('ec2', 'CreateSecurityGroup', 'SecurityGroupLimitExceeded', 400),
  },
  {
    code: 'NETWORK_ERRORS',
    cause: 'the HSMs cannot be reached through the interfaces',
    step: 'loginKmsuser',
    message: /Gave up/,
    arrange: patch({ reachable: false }),
  },
  {
    code: 'NETWORK_ERRORS',
    cause: 'logins go unanswered, twice and not more',
    step: 'loginKmsuser',
    message: /Two logins as kmsuser went unanswered/,
    arrange: ({ cluster }, simulator) =>
      simulator.fault({
        service: 'hsm',
        operation: 'Login',
        effect: 'lost-reply',
        times: 0,
        resourceId: cluster.ClusterId,
      }),
  },
  {
    code: 'USER_NOT_FOUND',
    cause: 'the cluster has no kmsuser',
    step: 'loginKmsuser',
    message: /kmsuser is missing on 2 of 2 HSMs/,
    cluster: { kmsuserPassword: null },
  },
  {
    code: 'USER_NOT_FOUND',
    cause: 'kmsuser is missing on one HSM',
    step: 'loginKmsuser',
    message: /kmsuser is missing on 1 of 2 HSMs/,
    arrange: patch({ kmsuser: { missingOnOneHsm: true } }),
  },
  {
    code: 'INVALID_CREDENTIALS',
    cause: 'the password is another one',
    step: 'loginKmsuser',
    message: /set kmsuser's password in the cluster/,
    password: 'kmsPswd2',
  },
  {
    code: 'USER_LOCKED_OUT',
    cause: 'kmsuser is locked',
    step: 'loginKmsuser',
    message: /lock/i,
    arrange: patch({ kmsuser: { locked: true } }),
  },
  {
    code: 'USER_LOGGED_IN',
    cause: 'kmsuser is logged in elsewhere',
    step: 'loginKmsuser',
    message: /logged in/i,
    arrange: patch({ kmsuser: { loggedInElsewhere: true } }),
  },
];

const spendsABudget = ({ message }: Cause): boolean => message.source.endsWith('Gave up');

describe('a connect that cannot succeed', () => {
  const TITLE = 'ends in FAILED with $code when $cause, and takes down what it built';

  async function play(cause: Cause, world: ConnectWorld): Promise<void> {
    const target = await world.aStore(
      cause.cluster,
      cause.password === undefined ? {} : { password: cause.password },
    );
    const { store, cluster } = target;
    await cause.arrange?.(target, world.simulator);
    await world.connect(store.id);

    const failed = await world.untilState(store.id, 'FAILED', 'CONNECTED');
    expect([failed.connectionState, failed.connectionErrorCode]).toEqual(['FAILED', cause.code]);
    const [operation] = await world.operations(store.id);
    expect(operation).toMatchObject({ kind: 'connect', state: 'failed', connectionErrorCode: cause.code });
    const step = operation?.steps.find((candidate) => candidate.name === cause.step);
    expect(step).toMatchObject({ state: 'failed' });
    expect(step?.message).toMatch(cause.message);
    await eventually(
      () => world.simulator.inventory(store.accountId),
      (inventory) => inventory.securityGroups.length + inventory.networkInterfaces.length === 0,
    );

    // Temporal's web UI shows the same: a failed workflow whose message says what to do.
    const handle = world.temporal.client.workflow.getHandle(workflowId(store.id));
    await expect(handle.result()).rejects.toMatchObject({
      cause: { type: cause.code, message: step?.message },
    });

    // One Disconnect, and the store can be used again.
    await world.disconnect(store.id);
    expect((await world.untilState(store.id, 'DISCONNECTED')).connectionErrorCode).toBeUndefined();
    expect(cluster.ClusterId).toMatch(/^cluster-/);
  }

  it.each(CAUSES.filter((cause) => !spendsABudget(cause)))(TITLE, (cause) => play(cause, world));

  // Most of their time they wait.
  it.concurrent.each(CAUSES.filter(spendsABudget))(TITLE, (cause) => play(cause, hasty));

  it('reaches every code that a CloudHSM key store can have', () => {
    expect([...new Set(CAUSES.map((cause) => cause.code))].sort()).toEqual(
      [...CLOUDHSM_CONNECTION_ERROR_CODES].sort(),
    );
  });

  it('sends a wrong password once, however often it is connected (D18)', async () => {
    const { store, cluster } = await world.aStore({}, { password: 'kmsPswd2' });
    for (let round = 1; round <= 2; round++) {
      await world.connect(store.id);
      await world.untilState(store.id, 'FAILED');
      expect(await world.simulator.kmsuser(cluster.ClusterId)).toMatchObject({ failedLogins: round });
      await world.disconnect(store.id);
      await world.untilState(store.id, 'DISCONNECTED');
    }
  });

  it('waits for a cluster that is only adding an HSM (D14)', async () => {
    const { store, cluster } = await world.aStore();
    await world.simulator.patchCluster(cluster.ClusterId, { state: 'UPDATE_IN_PROGRESS' });
    await world.connect(store.id);
    await eventually(
      () => world.operations(store.id),
      ([operation]) => (operation?.steps[0]?.attempts ?? 0) > 1,
    );
    await world.simulator.patchCluster(cluster.ClusterId, { state: 'ACTIVE' });
    expect(await world.untilState(store.id, 'CONNECTED', 'FAILED')).toMatchObject({
      connectionState: 'CONNECTED',
    });
  });
});
