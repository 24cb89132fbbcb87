import fc from 'fast-check';
import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld } from '../harness/connect-world';
import { eventually } from '../harness/eventually';
import { accountModel, orphansOf } from '../harness/linearizability/account-model';
import { checkHistory } from '../harness/linearizability/checker';
import { AccountUnderTest } from './two-of-everything/account-under-test';
import { recordFigures } from './two-of-everything/figures';
import type { Figures } from './two-of-everything/figures';
import { tallyOperations } from './two-of-everything/one-at-a-time';
import { Run, carryOut, plans } from './two-of-everything/plan';
import { startReplicas } from './two-of-everything/processes';
import type { Replicas } from './two-of-everything/processes';

/*
 * Two APIs and two workers, processes of their own, and several callers at once. For longer, `KEYMOOR_LONG_TWO=20`:
 * twice so many plans in place of one, and the figures are written to docs/results. `KEYMOOR_TWO_SEED` repeats a run's plans.
 */

const LONG_FORM = process.env['KEYMOOR_LONG_TWO'];
const TIMES = Number(LONG_FORM ?? '1');
/** The same plans every time in `npm test`; others each time in the long form. */
const SEED = Number(
  process.env['KEYMOOR_TWO_SEED'] ?? (LONG_FORM === undefined ? 20_260 : Date.now() % 2 ** 31),
);
const ROUNDS = LONG_FORM === undefined ? 1 : 2 * TIMES;
const DEATH_ROUNDS = Math.ceil(TIMES / 5);
const ACCOUNTS_AT_ONCE = 3;
const MAX_COMMANDS = 40;

jest.setTimeout(240_000 + 60_000 * TIMES);

let world: ConnectWorld;
let replicas: Replicas;
const accounts = Array.from({ length: 10_000 }, (_, number) => String(500_000_000_000 + number));

beforeAll(async () => {
  world = await startConnectWorld({ worker: false });
  replicas = await startReplicas(world, accounts);
}, 240_000);

afterAll(async () => {
  await replicas?.stop();
  await world?.close();
});

const LONG = { limitMs: 120_000 };
const count = async (condition: string): Promise<number> => {
  const { rows } = await world.database.pool.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM ${condition}`,
  );
  return rows[0]?.n ?? 0;
};
const stepsUnderWay = (): Promise<number> => count(`operation_steps WHERE state = 'running'`);
const operationsEnded = (): Promise<number> => count('operations WHERE finished_at IS NOT NULL');

type Plan = ReturnType<typeof plans> extends fc.Arbitrary<infer P> ? P : never;
const figures: Figures = {
  histories: 0,
  calls: 0,
  lost: 0,
  configurations: 0,
  operations: 0,
  workflowRuns: 0,
  deaths: 0,
};

/** Carries a plan out on an account of its own, and looks at all that came of it. */
async function run(plan: Plan, connectivity: 'PUBLIC_ENDPOINT' | 'VPC_ENDPOINT_SERVICE', deaths = false) {
  const urls = replicas.apis.map(({ url }) => url);
  const account = await AccountUnderTest.make(accounts.pop() ?? '', urls, world.simulator, connectivity);
  try {
    await carryOut(plan, new Run(account));
    const tally = await tallyOperations(world, account, deaths);
    const { calls } = account;
    const verdict = checkHistory(accountModel(orphansOf(calls)), calls);
    figures.histories += 1;
    figures.calls += calls.length;
    figures.lost += calls.filter(({ end }) => end === undefined).length;
    figures.configurations += verdict.configurations;
    figures.operations += tally.operations;
    figures.workflowRuns += tally.workflowRuns;
    expect(tally.broken).toEqual([]);
    if (!verdict.linearizable) {
      const around = calls.filter(
        ({ end }) => end === undefined || end.at <= (verdict.unexplained.end?.at ?? 0),
      );
      const told = around.slice(-30).map((call) => JSON.stringify(call));
      throw new Error(
        `no order explains the answer to ${JSON.stringify(verdict.unexplained)}; possible before it: ${JSON.stringify(verdict.possible)}; calls:\n${told.join('\n')}`,
      );
    }
  } finally {
    account.close();
  }
}

const connectivity = fc.constantFrom('PUBLIC_ENDPOINT' as const, 'VPC_ENDPOINT_SERVICE' as const);
const together = fc.array(fc.tuple(plans(MAX_COMMANDS), connectivity), {
  minLength: ACCOUNTS_AT_ONCE,
  maxLength: ACCOUNTS_AT_ONCE,
});

it('what callers of two APIs see has one order, and a store one operation at a time, started once', async () => {
  await fc.assert(
    fc.asyncProperty(together, async (all) => {
      await Promise.all(all.map(([plan, to]) => run(plan, to)));
    }),
    { numRuns: ROUNDS, seed: SEED, endOnFailure: true },
  );
});

it('and so it is while an API and a worker are killed, and the other worker is frozen', async () => {
  await fc.assert(
    fc.asyncProperty(together, async (all) => {
      let ended = false;
      const plansEnd = Promise.all(all.map(([plan, to]) => run(plan, to, true))).finally(
        () => (ended = true),
      );
      const [[api], [one, other]] = [replicas.apis, replicas.workers];
      const amid = async (): Promise<void> =>
        void (await eventually(stepsUnderWay, (n) => n > 0 || ended, LONG));
      try {
        await amid();
        await Promise.all([api.kill(), one.kill()]);
        await amid();
        const before = await operationsEnded();
        other.freeze();
        await eventually(operationsEnded, (now) => now > before || ended, LONG);
      } finally {
        other.thaw();
        await plansEnd;
        figures.deaths += 1;
      }
    }),
    { numRuns: DEATH_ROUNDS, seed: SEED, endOnFailure: true },
  );
  expect(figures.lost).toBeGreaterThan(0);
  if (LONG_FORM === undefined) return;
  const command = `KEYMOOR_LONG_TWO=${TIMES} KEYMOOR_TWO_SEED=${SEED} npm test -- test/faults/two-of-everything`;
  recordFigures(figures, { command, seed: SEED });
});
