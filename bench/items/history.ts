import { workflowId } from '../../keystore/naming';
import type { Bench } from '../bench';
import { connect, createKeyStores, disconnect, untilClosed } from '../key-stores';
import type { KeyStore, StoreKind } from '../key-stores';
import { limitRow, whole } from '../report';
import type { Row } from '../report';
import type { World } from '../world';

/** What a connect of each kind runs: its steps, and `recordOutcome`. */
const KINDS: readonly { kind: StoreKind; what: string; activities: number }[] = [
  { kind: 'CLOUDHSM', what: 'AWS CloudHSM', activities: 5 },
  { kind: 'PUBLIC_XKS', what: 'public external', activities: 2 },
  { kind: 'VPC_XKS', what: 'private external', activities: 5 },
];
/** Beside its activities: the start, the first workflow task (3) and the end. */
const EVENTS_OF_A_WORKFLOW = 5;
/** An activity (3) and the workflow task after it (3). */
const EVENTS_OF_AN_ACTIVITY = 6;
const CONNECTS = 10;

/**
 * What a connect costs at a Temporal that bills: events of its history, and actions (the start, and every attempt of an
 * activity), the most of several connects of each kind of key store.
 */
export async function benchHistory(bench: Bench): Promise<Row[]> {
  const { world } = bench;
  const api = await world.startApi();
  const worker = await world.startWorker();
  const rows: Row[] = [];
  for (const { kind, what, activities } of KINDS) {
    const [store] = await createKeyStores(world, api.url, 1, kind);
    if (!store) throw new Error('no key store');
    const seen: Spent[] = [];
    for (let done = 0; done < CONNECTS; done += 1) {
      await connect(world, store);
      await untilClosed(world, store);
      seen.push(await spentOn(world, store));
      await disconnect(world, store);
    }
    store.connection.close();
    const most = (of: keyof Spent): number => Math.max(...seen.map((spent) => spent[of]));
    rows.push(
      limitRow({
        what: `${what} key store: history events of a connect (n = ${activities})`,
        value: most('events'),
        unit: whole,
        most: EVENTS_OF_A_WORKFLOW + EVENTS_OF_AN_ACTIVITY * activities,
      }),
      limitRow({
        what: `${what} key store: Temporal actions of a connect (the start, and its activities)`,
        value: most('actions'),
        unit: whole,
        most: 1 + activities,
      }),
    );
  }
  await Promise.all([api.child.stop(), worker.stop()]);
  return rows;
}

interface Spent {
  events: number;
  actions: number;
}

/** Of the store's workflow, which has ended. */
async function spentOn(world: World, store: KeyStore): Promise<Spent> {
  const { events } = await world.temporal.workflow.getHandle(workflowId(store.id)).fetchHistory();
  const attempts = (events ?? []).map(({ activityTaskStartedEventAttributes }) =>
    Number(activityTaskStartedEventAttributes?.attempt ?? 0),
  );
  return { events: events?.length ?? 0, actions: attempts.reduce((sum, count) => sum + count, 1) };
}
