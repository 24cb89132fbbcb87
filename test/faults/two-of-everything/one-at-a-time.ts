import type { WorkflowExecutionInfo } from '@temporalio/client';
import { workflowId } from '../../../keystore/naming';
import { STEPS } from '../../../keystore/steps';
import type { ConnectWorld } from '../../harness/connect-world';
import { eventually } from '../../harness/eventually';
import type { AccountUnderTest, RecordedCall } from './account-under-test';
import { brokenCreates } from './what-was-built';

const LIMIT_MS = 120_000;
/** Steps that build something: they run only while their operation is the running one, whoever dies. */
const FORWARD = Object.entries(STEPS).flatMap(([name, { direction }]) =>
  direction === 'forward' ? [name] : [],
);

export interface OperationRow {
  custom_key_store_id: string;
  kind: 'connect' | 'disconnect';
  generation: number;
  state: 'succeeded' | 'failed' | 'cancelled';
  request_id: string | null;
  started_at: Date;
  finished_at: Date;
  first_step: Date | null;
  last_step: Date | null;
  /** when the last of its steps that build something was first begun */
  last_forward: Date | null;
}

/** A workflow run, as Temporal lists it. */
export type Run = Pick<
  WorkflowExecutionInfo,
  'runId' | 'workflowId' | 'type' | 'memo' | 'startTime' | 'status'
>;

/** What an account's operations came to. */
export interface Tally {
  /** what broke the rule that a store has one operation at a time, each started once; empty if nothing did */
  broken: string[];
  operations: number;
  workflowRuns: number;
}

/**
 * Waits until nothing is left to do of an account's operations, and then looks at all that was written of them: rows,
 * steps, workflow runs, and what the simulator was asked to build.
 * @param deaths whether a worker died or froze meanwhile: then what it left off may have been begun once more
 */
export async function tallyOperations(
  world: ConnectWorld,
  account: AccountUnderTest,
  deaths: boolean,
): Promise<Tally> {
  await eventually(
    () => unsettled(world, account),
    (left) => left === 0,
    { limitMs: LIMIT_MS, everyMs: 50 },
  );
  const { rows } = await world.database.pool.query<OperationRow>(
    `SELECT o.custom_key_store_id, o.kind, o.generation, o.state, o.request_id, o.started_at, o.finished_at,
       min(s.started_at) AS first_step, max(greatest(s.started_at, s.finished_at)) AS last_step,
       max(s.started_at) FILTER (WHERE s.name = ANY ($2)) AS last_forward
     FROM operations o LEFT JOIN operation_steps s ON s.operation_id = o.id
     WHERE o.account_id = $1 GROUP BY o.id ORDER BY o.custom_key_store_id, o.generation`,
    [account.accountId, FORWARD],
  );
  const broken: string[] = [];
  let workflowRuns = 0;
  for (const [storeId, operations] of byStore(rows)) {
    const runs = await runsOf(world, storeId, operations);
    workflowRuns += runs.length;
    broken.push(
      ...[
        ...brokenRows(operations),
        ...brokenAccepts(operations, account.calls),
        ...(await brokenRuns(operations, runs, { deaths, id: workflowId(storeId), didOf: didIn(world) })),
        ...brokenSteps(operations, deaths),
      ].map((problem) => `${storeId}: ${problem}`),
    );
  }
  broken.push(...(await brokenCreates(world, account, deaths)));
  return { broken, operations: rows.length, workflowRuns };
}

async function unsettled(world: ConnectWorld, { accountId }: AccountUnderTest): Promise<number> {
  const { rows } = await world.database.pool.query<{ left: number }>(
    'SELECT count(*)::int AS left FROM operations WHERE account_id = $1 AND settled_at IS NULL',
    [accountId],
  );
  return rows[0]?.left ?? 0;
}

function byStore(rows: readonly OperationRow[]): Map<string, OperationRow[]> {
  const stores = new Map<string, OperationRow[]>();
  for (const row of rows) {
    stores.set(row.custom_key_store_id, [...(stores.get(row.custom_key_store_id) ?? []), row]);
  }
  return stores;
}

/** Generations count up by one, Connect and Disconnect take turns, and each ends before the next begins. */
function brokenRows(operations: readonly OperationRow[]): string[] {
  return operations.flatMap((operation, place) => {
    const { kind, generation, started_at: startedAt } = operation;
    const before = operations[place - 1];
    return [
      ...(generation === place + 1 ? [] : [`generation ${generation} is number ${place + 1}`]),
      ...(kind === (place % 2 === 0 ? 'connect' : 'disconnect')
        ? []
        : [`generation ${generation} is a ${kind}`]),
      ...(before && before.finished_at > startedAt
        ? [`generation ${generation} began before the one before it had ended`]
        : []),
    ];
  });
}

/** Every operation is of one call that was accepted, in the order of the calls, and every Disconnect has one. */
function brokenAccepts(operations: readonly OperationRow[], calls: readonly RecordedCall[]): string[] {
  const storeId = operations[0]?.custom_key_store_id;
  const broken: string[] = [];
  const accepted = calls.filter(
    ({ request, end }) =>
      (request.operation === 'Connect' || request.operation === 'Disconnect') &&
      request.id === storeId &&
      end?.answer.kind !== 'refused',
  );
  const lost = accepted.filter(({ requestId }) => requestId === undefined);
  const callOf = new Map(accepted.map((call) => [call.requestId, call]));
  let [unknown, latest] = [0, 0];
  const found = new Set<RecordedCall>();
  for (const { kind, generation, request_id: requestId } of operations) {
    const call = callOf.get(requestId ?? undefined);
    if (!call || requestId === null) {
      unknown += 1;
      continue;
    }
    if (found.has(call)) broken.push(`two operations are of request ${requestId}`);
    found.add(call);
    if (call.request.operation.toLowerCase() !== kind)
      broken.push(`generation ${generation} is of another call`);
    if ((call.end?.at ?? Infinity) < latest) {
      broken.push(`generation ${generation} was answered before the one before it was asked for`);
    }
    latest = Math.max(latest, call.began);
  }
  if (unknown > lost.length)
    broken.push(`${unknown} operations of no call, ${lost.length} calls without answer`);
  for (const call of accepted) {
    if (call.request.operation === 'Disconnect' && call.end && !found.has(call)) {
      broken.push(`the Disconnect of request ${call.requestId} was accepted and is not there`);
    }
  }
  return broken;
}

/**
 * Every operation that was not overtaken has one workflow run, and all runs of a store go by one id. With a
 * dead worker a dispatch can come late, too: it starts one more run, which begins after its operation's end and builds
 * nothing.
 */
export async function brokenRuns(
  operations: readonly OperationRow[],
  runs: readonly Run[],
  options: {
    deaths: boolean;
    /** the one workflow id of the store */
    id: string;
    /** the steps that build something and that a run did to their end */
    didOf(run: Run): Promise<string[]>;
  },
): Promise<string[]> {
  const broken: string[] = [];
  const inTime = [...runs].sort((a, b) => a.startTime.getTime() - b.startTime.getTime());
  for (const { generation, kind, state, finished_at: finishedAt } of operations) {
    const own = inTime.filter((run) => run.memo?.['generation'] === generation);
    const late = own.slice(1);
    if (late.length > (options.deaths ? 1 : 0))
      broken.push(`generation ${generation} was started ${own.length} times`);
    for (const run of late) {
      if (run.startTime < finishedAt)
        broken.push(`generation ${generation} was started again before its end`);
      const did = await options.didOf(run);
      if (did.length > 0) broken.push(`generation ${generation} was started again and did ${did.join()}`);
    }
    if (own.length === 0 && state !== 'cancelled') broken.push(`generation ${generation} never ran`);
    for (const { type } of own) {
      if (type !== `${kind}CustomKeyStore`) broken.push(`generation ${generation} ran as ${type}`);
    }
    for (const { status, runId } of own) {
      if (status.name === 'TERMINATED')
        broken.push(`run ${runId} of generation ${generation} was terminated`);
    }
  }
  const strangers = runs.filter(
    (run) => !operations.some(({ generation }) => generation === run.memo?.['generation']),
  );
  for (const { runId } of strangers) broken.push(`run ${runId} is of no operation`);
  // Temporal lets one run of an id run at a time, whatever the times say that it writes down of them.
  for (const run of runs) {
    if (run.workflowId !== options.id) broken.push(`run ${run.runId} goes by the id ${run.workflowId}`);
  }
  return broken;
}

/** Looks into a run's history. */
function didIn(world: ConnectWorld): (run: Run) => Promise<string[]> {
  return async ({ workflowId: id, runId }) => {
    const { events } = await world.temporal.client.workflow.getHandle(id, runId).fetchHistory();
    const all = events ?? [];
    const completed = new Set(
      all.map((event) => String(event.activityTaskCompletedEventAttributes?.scheduledEventId)),
    );
    return all
      .filter(({ eventId }) => completed.has(String(eventId)))
      .map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? '')
      .filter((name) => FORWARD.includes(name));
  };
}

/**
 * The steps of one generation are all over before a step of another begins. With a worker that freezes they may end
 * late, and an undo may be done once more; but what builds something has been begun before.
 */
export function brokenSteps(operations: readonly OperationRow[], deaths: boolean): string[] {
  return operations.flatMap(({ generation, last_step: lastEnd, last_forward: lastBegin }, place) => {
    const last = deaths ? lastBegin : lastEnd;
    return operations
      .slice(place + 1)
      .filter(({ first_step: first }) => first && last && first < last)
      .map((later) => `steps of generation ${generation} ran among those of generation ${later.generation}`);
  });
}

/** Every workflow run of a store. What Temporal lists comes a little later than what it knows. */
async function runsOf(
  world: ConnectWorld,
  storeId: string,
  operations: readonly OperationRow[],
): Promise<WorkflowExecutionInfo[]> {
  const last = operations.at(-1)?.generation;
  return eventually(
    async () => {
      const runs: WorkflowExecutionInfo[] = [];
      for await (const run of world.temporal.client.workflow.list({
        // Under whatever name it was started for this store.
        query: `WorkflowId STARTS_WITH '${workflowId(storeId)}'`,
      })) {
        runs.push(run);
      }
      return runs;
    },
    (runs) =>
      runs.every(({ status }) => status.name !== 'RUNNING') &&
      runs.some((run) => run.memo?.['generation'] === last),
    { limitMs: LIMIT_MS, everyMs: 50 },
  );
}
