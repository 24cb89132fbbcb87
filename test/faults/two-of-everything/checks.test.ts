import { brokenRuns, brokenSteps } from './one-at-a-time';
import type { OperationRow, Run } from './one-at-a-time';
import { brokenOrder, brokenTokens } from './what-was-built';
import type { CreateRequest } from './what-was-built';

/* What the checks of two of everything would say, if it were so. */

const at = (second: number): Date => new Date(Date.UTC(2030, 0, 1, 0, 0, second));
const ID = 'custom-key-store/x';

/** A connect that was overtaken by a disconnect, in their first twenty seconds. */
const operation = (generation: 1 | 2, more: Partial<OperationRow> = {}): OperationRow => ({
  custom_key_store_id: 'x',
  kind: generation === 1 ? 'connect' : 'disconnect',
  generation,
  state: generation === 1 ? 'cancelled' : 'succeeded',
  request_id: null,
  started_at: at(generation === 1 ? 0 : 10),
  finished_at: at(generation === 1 ? 10 : 20),
  first_step: at(generation === 1 ? 1 : 13),
  last_step: at(generation === 1 ? 12 : 19),
  last_forward: generation === 1 ? at(5) : null,
  ...more,
});
const run = (generation: number, second: number, more: Partial<Run> = {}): Run => ({
  runId: `run ${generation} ${second}`,
  workflowId: ID,
  type: generation === 1 ? 'connectCustomKeyStore' : 'disconnectCustomKeyStore',
  memo: { generation },
  startTime: at(second),
  status: { code: 2, name: 'COMPLETED' },
  ...more,
});

describe('workflow runs', () => {
  const BOTH = [run(1, 0), run(2, 11)];
  const judged = async (runs: Run[], did: string[] = []): Promise<{ none: boolean; deaths: boolean }> => {
    const isBroken = async (deaths: boolean): Promise<boolean> => {
      const options = { deaths, id: ID, didOf: () => Promise.resolve(did) };
      return (await brokenRuns([operation(1), operation(2)], runs, options)).length > 0;
    };
    return { none: await isBroken(false), deaths: await isBroken(true) };
  };

  const ALWAYS = { none: true, deaths: true };
  const NEVER = { none: false, deaths: false };

  it.each<[string, Run[], typeof ALWAYS]>([
    ['one of each operation', BOTH, NEVER],
    ['none of one that was overtaken', [run(2, 11)], NEVER],
    ['none of one that succeeded', [run(1, 0)], ALWAYS],
    ['once more after its end', [...BOTH, run(2, 21)], { none: true, deaths: false }],
    ['once more before its end', [...BOTH, run(2, 15)], ALWAYS],
    ['twice more', [...BOTH, run(2, 21), run(2, 22)], ALWAYS],
    ['of no operation', [...BOTH, run(3, 21)], ALWAYS],
    ['of the wrong type', [run(1, 0), run(2, 11, { type: 'mine' })], ALWAYS],
    ['under two ids', [run(1, 0), run(2, 11, { workflowId: `${ID}/2` })], ALWAYS],
    ['terminated', [run(1, 0), run(2, 11, { status: { code: 5, name: 'TERMINATED' } })], ALWAYS],
  ])('%s', async (_, runs, broken) => {
    expect(await judged(runs)).toEqual(broken);
  });

  it('once more after its end, and it built something', async () => {
    expect(await judged([...BOTH, run(1, 21)], ['probeProxy'])).toEqual(ALWAYS);
  });
});

describe('steps', () => {
  it.each<[string, Partial<OperationRow>, { none: boolean; deaths: boolean }]>([
    ['one operation after the other', {}, { none: false, deaths: false }],
    ['one that ends among those of the next', { last_step: at(14) }, { none: true, deaths: false }],
    [
      'one that builds and begins among those of the next',
      { last_forward: at(14), last_step: at(14) },
      { none: true, deaths: true },
    ],
  ])('%s', (_, more, broken) => {
    const operations = [operation(1, more), operation(2)];
    const isBroken = (deaths: boolean): boolean => brokenSteps(operations, deaths).length > 0;
    expect({ none: isBroken(false), deaths: isBroken(true) }).toEqual(broken);
  });
});

describe('requests to build', () => {
  const request = (more: Partial<CreateRequest> = {}): CreateRequest => ({
    storeId: 'x',
    generation: 1,
    place: 'subnet 1',
    token: 'a',
    ...more,
  });

  it('go by one token in one place, however often they are sent', () => {
    const twice = [request(), request(), request({ place: 'subnet 2', token: 'b' })];
    expect(brokenTokens('Create', twice)).toEqual([]);
    expect(brokenTokens('Create', [...twice, request({ generation: 3, token: 'c' })])).toEqual([]);
    expect(brokenTokens('Create', [...twice, request({ token: 'c' })])).toHaveLength(1);
  });

  it('come generation after generation, store by store', () => {
    const later = request({ generation: 3 });
    expect(brokenOrder('Create', [request(), later, request({ storeId: 'y' })])).toEqual([]);
    expect(brokenOrder('Create', [later, request()])).toHaveLength(1);
  });
});
