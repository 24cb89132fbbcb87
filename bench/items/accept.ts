import { randomUUID } from 'node:crypto';
import { profileWhereMissed } from '../bench';
import type { Bench } from '../bench';
import { createKeyStores, inRotation, preparedCall, takeBack, untilStarted } from '../key-stores';
import type { KeyStore, StoreKind } from '../key-stores';
import { milliseconds, ratioRow } from '../report';
import type { Row } from '../report';
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
}

/**
 * `ConnectCustomKeyStore` until it is accepted, with its quick look at the cluster, against a bare start of a
 * workflow; no worker runs. One at a time, in turns; each leaves nothing running for the next.
 */
export function benchAccept(bench: Bench): Promise<Row[]> {
  const most = { p50: 1.5, p99: 1 };
  return accepted(bench, { kind: 'CLOUDHSM', what: 'Connect accepted', most });
}

/** The same for a public external key store, where there is nothing to look at: a commit and no more. */
export function benchXksAccept(bench: Bench): Promise<Row[]> {
  const most = { p50: 0.5, p99: 0.3 };
  return accepted(bench, { kind: 'PUBLIC_XKS', what: 'external key store: Connect accepted', most });
}

async function accepted(bench: Bench, { kind, what, most }: Accepted): Promise<Row[]> {
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
  });
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

async function startOnce({ world }: Bench): Promise<number> {
  const workflowId = `bench-start/${randomUUID()}`;
  const { workflow } = world.temporal;
  const taken = await timed(() =>
    workflow.start('noopSteps', { workflowId, taskQueue: UNSERVED_QUEUE, args: [5] }),
  );
  await workflow.getHandle(workflowId).terminate();
  return taken;
}
