import { randomUUID } from 'node:crypto';
import { createAwsClients } from '../../clients/aws/aws-clients';
import { describeCluster } from '../../clients/aws/clusters';
import { describeClusterSecurityGroup } from '../../clients/aws/security-groups';
import { profileWhereMissed } from '../bench';
import type { Bench } from '../bench';
import { createKeyStores, inRotation, preparedCall, takeBack, untilStarted } from '../key-stores';
import type { KeyStore, StoreKind } from '../key-stores';
import { milliseconds, ratioRow } from '../report';
import type { Row } from '../report';
import { signedRequest } from '../signed-request';
import { percentile, timed } from '../statistics';
import { inTurns } from '../turns';
import { UNSERVED_QUEUE } from '../world';

/** Key stores that take turns. */
const STORES = 20;

/** Connects of one kind of key store, and how quickly they are to be accepted. */
interface Accepted {
  kind: StoreKind;
  what: string;
  /** most of a bare start's time */
  most: { p50: number; p99: number };
  /** what the time goes into that cannot be spared */
  why: string;
}

/**
 * `ConnectCustomKeyStore` until it is accepted, with its quick look at the cluster, against a bare start of a
 * workflow; no worker runs. One at a time, in turns; each leaves nothing running for the next.
 */
export function benchAccept(bench: Bench): Promise<Row[]> {
  const most = { p50: 1.5, p99: 1 };
  const why =
    'an accept looks at the cluster and at its security group (D12 promises a look, so none is kept or shared), and then commits; a bare start only commits. The two looks go out at once, but AWS SDK, API and simulator share the cores: alone they take most of the time of a bare start (the parts are below).';
  return accepted(bench, { kind: 'CLOUDHSM', what: 'Connect accepted', most, why });
}

/** The same for a public external key store, where there is nothing to look at: a commit and no more. */
export function benchXksAccept(bench: Bench): Promise<Row[]> {
  const most = { p50: 0.5, p99: 0.3 };
  const why =
    "what is left is one HTTP request with its signature, one statement and its commit to disk. Between two accepts the processes do other work, and after it even a Describe takes more than half of an accept's time (the parts are below). The dispatch to Temporal begins only when the answer has left.";
  return accepted(bench, {
    kind: 'PUBLIC_XKS',
    what: 'external key store: Connect accepted',
    most,
    why,
  });
}

async function accepted(bench: Bench, { kind, what, most, why }: Accepted): Promise<Row[]> {
  const { world, counts } = bench;
  const api = await world.startApi();
  const stores = await createKeyStores(world, api.url, STORES, kind);
  const { ours, beside } = await inTurns(
    { warmUp: counts.warmUp, turns: counts.accepts },
    (turn) => acceptOnce(bench, inRotation(stores, turn)),
    () => startOnce(bench),
  );
  const row = (name: 'p50' | 'p99', share: number): Row =>
    ratioRow({
      what: `${what} / bare start, ${name}`,
      ours: percentile(ours, share),
      beside: percentile(beside, share),
      unit: milliseconds,
      target: { most: most[name] },
    });
  const rows = [row('p50', 0.5), row('p99', 0.99)];
  await profileWhereMissed(bench, rows, {
    children: [api.child],
    load: async () => {
      for (const store of stores) await acceptOnce(bench, store);
    },
    why,
  });
  bench.note(await partsOfAccept(bench, inRotation(stores, 0)));
  for (const { connection } of stores) connection.close();
  await api.child.stop();
  return rows;
}

async function acceptOnce({ world }: Bench, store: KeyStore): Promise<number> {
  const call = await preparedCall(store, 'ConnectCustomKeyStore');
  const taken = await timed(call);
  await untilStarted(world, store);
  await takeBack(world, store);
  return taken;
}

/**
 * Where the time of an accept goes, as far as its parts can be had alone: each after another accept, as an accept is. One that
 * follows its like at once finds everything warm, and takes a third of the time.
 */
async function partsOfAccept(bench: Bench, store: KeyStore): Promise<string> {
  const { world, counts } = bench;
  const { id, caller, connection } = store;
  const { rows } = await world.database.query<{ cluster: string | null }>(
    'SELECT cloud_hsm_cluster_id AS cluster FROM custom_key_stores WHERE id = $1',
    [id],
  );
  const clusterId = rows[0]?.cluster ?? undefined;
  const aws = createAwsClients({
    region: 'us-east-1',
    simulatorUrl: world.simulatorUrl,
    endpoints: {},
    roleArnOf: () => undefined,
  });
  const describe = await signedRequest(caller, 'DescribeCustomKeyStores', { CustomKeyStoreId: id });
  const parts: Record<string, () => Promise<unknown>> = {
    'a Describe (HTTP, signature, one read)': () => connection.send(describe),
    ...(clusterId !== undefined && {
      'the two calls of the quick look, at once': () =>
        Promise.all([
          describeCluster(aws, caller.accountId, clusterId),
          describeClusterSecurityGroup(aws, caller.accountId, clusterId),
        ]),
      'one of them alone': () => describeCluster(aws, caller.accountId, clusterId),
    }),
    'a commit of one row': () =>
      world.database.query({
        name: 'touch',
        text: 'UPDATE custom_key_stores SET row_version = row_version + 1 WHERE id = $1',
        values: [id],
      }),
  };
  const told: string[] = [];
  for (const [what, work] of Object.entries(parts)) {
    const taken: number[] = [];
    for (let turn = 0; turn < counts.warmUp + counts.accepts / 2; turn += 1) {
      await acceptOnce(bench, store);
      const ms = await timed(work);
      if (turn >= counts.warmUp) taken.push(ms);
    }
    told.push(
      `${what} p50 ${milliseconds(percentile(taken, 0.5))}, p99 ${milliseconds(percentile(taken, 0.99))}`,
    );
  }
  aws.close();
  return `The parts of accepting a Connect, each alone, after an accept: ${told.join('; ')}.`;
}

async function startOnce({ world }: Bench): Promise<number> {
  const workflowId = `bench-start/${randomUUID()}`;
  const { workflow } = world.temporal;
  const taken = await timed(() =>
    workflow.start('noopSteps', { workflowId, taskQueue: UNSERVED_QUEUE, args: [5] }),
  );
  await workflow.getHandle(workflowId).terminate();
  return taken;
}
