import { temporal } from '@temporalio/proto';
import type { PoolClient } from 'pg';
import { workflowId } from '../../../keystore/naming';
import type { XksConnectivity } from '../../../keystore/custom-key-store';
import type { StepName } from '../../../keystore/steps';
import type { ConnectWorld, StoreWithCluster, StoreWithProxy } from '../../harness/connect-world';
import { eventually } from '../../harness/eventually';
import type { Fault } from '../../harness/simulator-control';

/* What scenarios are staged with. */

/** Budgets are real here, so that a step's retries are Temporal's; the reconciler keeps still unless asked for. */
export const WORLD = { budgetScale: 1, quietMs: 600_000 } as const;

export const CONNECT = 'connectCustomKeyStore';
export const DISCONNECT = 'disconnectCustomKeyStore';

export type WithStore = StoreWithCluster | StoreWithProxy;

/** Something that happens to a key store on real parts. */
export interface Scenario {
  /** the histories that it makes */
  names: readonly string[];
  world?: { worker?: boolean; quietMs?: number; budgetScale?: number };
  /** its runs, in the order of `names`, all closed */
  play(world: ConnectWorld): Promise<{ store: WithStore; runIds: string[] }>;
}

export type ConnectStep = 'findCluster' | 'createInfrastructure' | 'loginKmsuser' | 'rotatePassword';
export const CONNECT_STEPS: readonly ConnectStep[] = [
  'findCluster',
  'createInfrastructure',
  'loginKmsuser',
  'rotatePassword',
];

export type XksStep = 'findEndpointService' | 'createVpcEndpoint' | 'createPrivateDns' | 'probeProxy';
export const XKS_STEPS: readonly XksStep[] = [
  'findEndpointService',
  'createVpcEndpoint',
  'createPrivateDns',
  'probeProxy',
];

export const XKS_KINDS: readonly { kind: string; connectivity: XksConnectivity }[] = [
  { kind: 'public-proxy', connectivity: 'PUBLIC_ENDPOINT' },
  { kind: 'private-proxy', connectivity: 'VPC_ENDPOINT_SERVICE' },
];

/** A kind of key store, whose connects go a way of their own. */
export interface Kind {
  /** of the names of its scenarios */
  prefix: '' | 'public-proxy-' | 'private-proxy-';
  /** of its connect, before the outcome is recorded */
  steps: readonly (ConnectStep | XksStep)[];
  aStore(world: ConnectWorld): Promise<WithStore>;
  /** makes its connects fail at their last step */
  spoil(world: ConnectWorld, target: WithStore): Promise<unknown>;
  /** request of its undo, where it has one */
  undone?: Pick<Fault, 'service' | 'operation'>;
}

export const KINDS: readonly Kind[] = [
  {
    prefix: '',
    steps: CONNECT_STEPS,
    aStore: (world) => world.aStore(),
    spoil: inAccount({
      service: 'hsm',
      operation: 'ChangePassword',
      effect: 'error',
      code: 'INVALID_PASSWORD',
    }),
    undone: { service: 'ec2', operation: 'DeleteNetworkInterface' },
  },
  {
    prefix: 'public-proxy-',
    steps: ['probeProxy'],
    aStore: (world) => world.anXksStore('PUBLIC_ENDPOINT'),
    spoil: badCredentials,
  },
  {
    prefix: 'private-proxy-',
    steps: XKS_STEPS,
    aStore: (world) => world.anXksStore('VPC_ENDPOINT_SERVICE'),
    spoil: badCredentials,
    undone: { service: 'ec2', operation: 'DeleteVpcEndpoints' },
  },
];

/** At each step, a request that can be held until the fault is removed: the step is then caught in the middle. */
export const CAUGHT_AT: Record<ConnectStep | XksStep, Pick<Fault, 'service' | 'operation'>> = {
  findCluster: { service: 'cloudhsm', operation: 'DescribeClusters' },
  createInfrastructure: { service: 'ec2', operation: 'CreateNetworkInterface' },
  loginKmsuser: { service: 'hsm', operation: 'Login' },
  rotatePassword: { service: 'hsm', operation: 'ChangePassword' },
  findEndpointService: { service: 'ec2', operation: 'DescribeVpcEndpointServices' },
  createVpcEndpoint: { service: 'ec2', operation: 'CreateVpcEndpoint' },
  createPrivateDns: { service: 'route53', operation: 'CreateHostedZone' },
  probeProxy: { service: 'xks', operation: 'GetHealthStatus' },
};

export function inAccount(fault: Fault): (world: ConnectWorld, target: WithStore) => Promise<unknown> {
  return (world, { store }) => world.simulator.fault({ ...fault, accountId: store.accountId });
}

/** Connects, and returns once the step's request is held. */
export async function connectCaughtAt(
  world: ConnectWorld,
  target: WithStore,
  step: ConnectStep | XksStep,
): Promise<void> {
  const { service, operation } = CAUGHT_AT[step];
  const { id } = target.store;
  const hold = { service, operation, effect: 'hold' } as const;
  // A proxy knows no account.
  await ('proxy' in target && service === 'xks'
    ? world.simulator.fault({ ...hold, times: 0, resourceId: target.proxy.id })
    : inAccount(hold)(world, target));
  await world.connect(id);
  await untilHeld(world, target, { service, operation });
}

/** Waits until a request is held by a fault of effect `hold`. */
export async function untilHeld(
  world: ConnectWorld,
  { store }: WithStore,
  { service, operation }: Pick<Fault, 'service' | 'operation'>,
): Promise<void> {
  await eventually(
    () => world.simulator.calls(store.accountId, service, operation),
    (calls) => calls.some(({ outcome }) => outcome === 'held'),
    { limitMs: 60_000 },
  );
}

export async function connected(world: ConnectWorld, target: WithStore): Promise<string> {
  await world.connect(target.store.id);
  const runId = await closedRun(world, target);
  const { connectionState } = await world.read(target.store.id);
  if (connectionState !== 'CONNECTED') throw new Error(`the connect ended in ${connectionState}`);
  return runId;
}

/** Disconnects while a connect runs: the run that was overtaken, and the one that it went on as. */
export async function overtaken(world: ConnectWorld, target: WithStore): Promise<string[]> {
  const connect = await currentRun(world, target);
  await world.disconnect(target.store.id);
  await closedRun(world, target, connect);
  await world.simulator.deleteFaults();
  const disconnect = await closedRun(world, target);
  if (connect === disconnect) throw new Error('the connect did not go on as a disconnect');
  return [connect, disconnect];
}

export function handle(world: ConnectWorld, { store }: WithStore, runId?: string) {
  return world.temporal.client.workflow.getHandle(workflowId(store.id), runId);
}

export async function currentRun(world: ConnectWorld, target: WithStore): Promise<string> {
  return (await handle(world, target).describe()).runId;
}

/** Waits until a run (the latest, unless named) is closed; its id. */
export async function closedRun(world: ConnectWorld, target: WithStore, runId?: string): Promise<string> {
  const description = await eventually(
    () => handle(world, target, runId).describe(),
    ({ status }) => status.name !== 'RUNNING',
    { limitMs: 60_000 },
  );
  return description.runId;
}

export async function untilStepRuns(
  world: ConnectWorld,
  { store }: WithStore,
  step: StepName,
): Promise<void> {
  await eventually(
    () => world.operations(store.id),
    ([latest]) => latest?.steps.some(({ name, state }) => name === step && state === 'running') ?? false,
  );
}

async function badCredentials(world: ConnectWorld, target: WithStore): Promise<void> {
  if (!('proxy' in target)) throw new Error('only a proxy can refuse its credentials');
  await world.simulator.patchProxy(target.proxy.id, { behaviour: 'bad-credentials' });
}

/**
 * Holds what wants to change a store's row, such as recording its outcome. Other rows may still refer to it.
 * A transaction of this connection may be used meanwhile, and is committed when the hold ends.
 */
export async function holdRow(world: ConnectWorld, target: WithStore): Promise<Hold> {
  return hold(world, `SELECT 1 FROM custom_key_stores WHERE id = '${target.store.id}' FOR NO KEY UPDATE`);
}

/** Holds all that reads or writes the ledger, such as a release. */
export function holdLedger(world: ConnectWorld): Promise<Hold> {
  return hold(world, 'LOCK TABLE provisioned_resources IN ACCESS EXCLUSIVE MODE');
}

export interface Hold {
  client: PoolClient;
  /** somebody waits for it */
  untilWaitedFor(): Promise<void>;
  release(): Promise<void>;
}

async function hold(world: ConnectWorld, statement: string): Promise<Hold> {
  const client = await world.database.pool.connect();
  await client.query('BEGIN');
  await client.query(statement);
  return {
    client,
    async untilWaitedFor() {
      await eventually(
        () =>
          world.database.pool.query(
            `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
          ),
        ({ rowCount }) => (rowCount ?? 0) > 0,
        { limitMs: 60_000 },
      );
    },
    async release() {
      await client.query('COMMIT');
      client.release();
    },
  };
}

/** Types of the events of a run so far. */
export async function eventTypes(world: ConnectWorld, target: WithStore, runId: string): Promise<string[]> {
  const { events } = await handle(world, target, runId).fetchHistory();
  return (events ?? []).map(({ eventType }) => temporal.api.enums.v1.EventType[eventType ?? 0] ?? '');
}
