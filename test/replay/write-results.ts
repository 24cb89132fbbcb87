import {
  CLOUDHSM_CONNECTION_ERROR_CODES,
  XKS_CONNECTION_ERROR_CODES,
} from '../../keystore/connection-error-code';
import { writeResultsPart } from '../../bench/results-part';
import { workflowSources } from './altered-bundle';
import { commandsOf } from './commands';
import { coverageBy } from './coverage';
import { EXCUSED, HARMLESS } from './excused';
import { allFixtures, inputOf } from './fixture';
import { judge } from './judge';
import { mutantsOf } from './mutants';
import { MUTATIONS, mutated, unnoticed } from './mutated-histories';
import { installQuietRuntime } from './quiet-runtime';

/* `npm run results:replay`. No test, though jest runs it: it needs what the tests' set-up makes. */

it('writes docs/results/replay.json', async () => {
  installQuietRuntime();
  const fixtures = allFixtures();
  const items = await coverageBy(fixtures, workflowSources());
  const ran = (kind: string): string[] => {
    const all = items.filter((item) => item.kind === kind);
    return [
      `${kind === 'branch' ? 'branche' : kind}s`,
      String(all.filter(({ runs }) => runs > 0).length),
      String(all.length),
    ];
  };
  const verdicts = await judge(mutantsOf(workflowSources()));
  const told = (objection?: string): number =>
    verdicts.filter((verdict) => verdict.objection === objection).length;
  const mutations: string[][] = [];
  const missedAll: string[] = [];
  for (const mutation of MUTATIONS) {
    const histories = mutated(mutation, true);
    const missed = await unnoticed(histories);
    missedAll.push(...missed.map((name) => `${mutation.what}: ${name}`));
    mutations.push([mutation.what, String(histories.length), String(histories.length - missed.length)]);
  }
  const ofWorkflow = (workflow: string, type: string): string =>
    String(
      fixtures.filter((fixture) => fixture.workflowType === workflow && inputOf(fixture).type === type)
        .length,
    );
  const codes = (type: string): string[] =>
    fixtures.flatMap((fixture) => {
      const { end, ...rest } = commandsOf(fixture.history).end;
      return inputOf(fixture).type === type && end === 'failed' && 'type' in rest ? [rest.type] : [];
    });
  const covered = (type: string, all: readonly string[]): string[] => [
    type,
    String(all.filter((code) => codes(type).includes(code)).length),
    String(all.length),
  ];
  writeResultsPart({
    part: 'replay',
    title: 'Replay of recorded workflow histories',
    command: 'npm run results:replay',
    tables: [
      {
        head: ['Recorded histories', 'AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE'],
        rows: ['connectCustomKeyStore', 'disconnectCustomKeyStore'].map((workflow) => [
          workflow,
          ofWorkflow(workflow, 'AWS_CLOUDHSM'),
          ofWorkflow(workflow, 'EXTERNAL_KEY_STORE'),
        ]),
      },
      {
        head: ['Connection error codes', 'in a history', 'that a connect can end with'],
        rows: [
          covered('AWS_CLOUDHSM', CLOUDHSM_CONNECTION_ERROR_CODES),
          covered('EXTERNAL_KEY_STORE', XKS_CONNECTION_ERROR_CODES),
        ],
      },
      {
        head: ['Of `workflows/`', 'run by the replays', 'of'],
        rows: [ran('statement'), ran('function'), ran('branch')],
      },
      {
        head: ['Small mistakes in the code of `workflows/`', 'number'],
        rows: [
          ['tried', String(verdicts.length)],
          ['told by a history that does not replay', String(told('does not replay'))],
          ['told by what the code asks for', String(told('asks for something else'))],
          ['told by limits of activities', String(told('has other limits'))],
          ['not told: argued to be harmless', String(told(undefined))],
        ],
      },
      { head: ['Recorded histories tampered with: where', 'tried', 'noticed'], rows: mutations },
    ],
    notes: [
      ...EXCUSED.map(({ what, because }) => `Not run: ${what} (${because}).`),
      ...HARMLESS.map(({ what, because }) => `Harmless: ${what} (${because}).`),
    ],
  });
  expect(told(undefined)).toBe(HARMLESS.length);
  expect(missedAll).toEqual([]);
}, 1_800_000);
