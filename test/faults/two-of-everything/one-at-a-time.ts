import type { WorkflowExecutionInfo } from '@temporalio/client';
import { workflowId } from '../../../keystore/naming';
import type { ConnectWorld } from '../../harness/connect-world';
import { eventually } from '../../harness/eventually';
import type { AccountUnderTest, RecordedCall } from './account-under-test';

const LIMIT_MS = 120_000;

interface OperationRow {
  custom_key_store_id: string;
  kind: 'connect' | 'disconnect';
  generation: number;
  state: 'succeeded' | 'failed' | 'cancelled';
  request_id: string | null;
  started_at: Date;
  finished_at: Date;
  first_step: Date | null;
  last_step: Date | null;
}

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
       min(s.started_at) AS first_step, max(greatest(s.started_at, s.finished_at)) AS last_step
     FROM operations o LEFT JOIN operation_steps s ON s.operation_id = o.id
     WHERE o.account_id = $1 GROUP BY o.id ORDER BY o.custom_key_store_id, o.generation`,
    [account.accountId],
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
        ...brokenRuns(operations, runs, deaths),
        ...(deaths ? [] : brokenSteps(operations)),
      ].map((problem) => `${storeId}: ${problem}`),
    );
  }
  broken.push(...(await brokenCreates(world, account)));
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

/** Every operation that was not overtaken has one workflow run, and no two runs of a store are at the same time. */
function brokenRuns(
  operations: readonly OperationRow[],
  runs: readonly WorkflowExecutionInfo[],
  deaths: boolean,
): string[] {
  const broken: string[] = [];
  for (const { generation, kind, state } of operations) {
    const own = runs.filter((run) => run.memo?.['generation'] === generation);
    const terminated = own.filter(({ status }) => status.name === 'TERMINATED').length;
    // With a dead worker the reconciler's own dispatch can come late, too: its run finds nothing left to do.
    const most = terminated + 1 + (deaths ? 1 : 0);
    if (own.length > most) broken.push(`generation ${generation} was started ${own.length} times`);
    if (own.length === 0 && state !== 'cancelled') broken.push(`generation ${generation} never ran`);
    for (const { type } of own) {
      if (type !== `${kind}CustomKeyStore`) broken.push(`generation ${generation} ran as ${type}`);
    }
  }
  const strangers = runs.filter(
    (run) => !operations.some(({ generation }) => generation === run.memo?.['generation']),
  );
  for (const { runId } of strangers) broken.push(`run ${runId} is of no operation`);
  const inTime = [...runs].sort((a, b) => a.startTime.getTime() - b.startTime.getTime());
  inTime.forEach((run, place) => {
    const before = inTime[place - 1];
    // One that continues as another is replaced by it in one stroke, which has two times of the clock.
    if (!before || before.status.name === 'CONTINUED_AS_NEW') return;
    if (!before.closeTime || before.closeTime > run.startTime) {
      broken.push(`runs ${before.runId} and ${run.runId} were at the same time`);
    }
  });
  return broken;
}

/** The steps of one generation are all over before a step of another begins. */
function brokenSteps(operations: readonly OperationRow[]): string[] {
  const inTime = operations
    .flatMap(({ generation, first_step: first, last_step: last }) =>
      first && last ? [{ generation, first, last }] : [],
    )
    .sort((a, b) => a.first.getTime() - b.first.getTime());
  return inTime.flatMap(({ generation, first }, place) => {
    const before = inTime[place - 1];
    return before && before.last > first
      ? [`steps of generation ${generation} ran among those of generation ${before.generation}`]
      : [];
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

const CREATES = ['CreateSecurityGroup', 'CreateNetworkInterface', 'CreateVpcEndpoint'] as const;

/** What connects asked AWS to build: generation after generation, and nothing twice in one. */
async function brokenCreates(world: ConnectWorld, { accountId }: AccountUnderTest): Promise<string[]> {
  const broken: string[] = [];
  for (const operation of CREATES) {
    const latest = new Map<string, number>();
    const made = new Set<string>();
    for (const call of await world.simulator.calls(accountId, 'ec2', operation)) {
      const text = JSON.stringify(call.parameters);
      const storeId = /cks-[0-9a-f]{17}/.exec(text)?.[0] ?? '';
      const generation = Number(/keymoor:generation"[^}]*"Value":"(\d+)"/.exec(text)?.[1] ?? NaN);
      if (Number.isNaN(generation)) broken.push(`${operation} of no generation: ${text}`);
      if (generation < (latest.get(storeId) ?? 0)) {
        broken.push(`${storeId}: ${operation} of generation ${generation} after one of a later generation`);
      }
      latest.set(storeId, Math.max(generation, latest.get(storeId) ?? 0));
      const token = /"ClientToken":"([^"]+)"/.exec(text)?.[1] ?? storeId;
      const id = `${operation} ${token} of generation ${generation}`;
      if (call.outcome === 'ok' && made.has(id) && token === storeId) broken.push(`${storeId}: ${id} twice`);
      made.add(id);
    }
  }
  return broken;
}
