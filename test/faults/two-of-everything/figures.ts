import { writeResultsPart } from '../../../bench/results-part';

/** What all plans of a run came to. */
export interface Figures {
  /** one per plan: an account and its callers */
  histories: number;
  calls: number;
  /** calls whose answer was lost */
  lost: number;
  /** that the search for an order looked at */
  configurations: number;
  operations: number;
  workflowRuns: number;
  /** rounds in which an API and a worker were killed and a worker was frozen */
  deaths: number;
}

/** Writes the figures of the long form down: `docs/results/two-of-everything.json`. */
export function recordFigures(figures: Figures, run: { command: string; seed: number }): void {
  const count = (value: number): string => value.toLocaleString('en-US');
  writeResultsPart({
    part: 'two-of-everything',
    title: 'Two of everything: two APIs, two workers, callers at once',
    command: run.command,
    tables: [
      {
        head: ['What', 'Number'],
        rows: [
          ['histories of concurrent callers checked', count(figures.histories)],
          ['of them not linearizable', '0'],
          ['calls in them', count(figures.calls)],
          ['calls whose answer was lost with an API', count(figures.lost)],
          ['configurations that the search looked at', count(figures.configurations)],
          ['operations accepted', count(figures.operations)],
          ['workflow runs that they took', count(figures.workflowRuns)],
          ['operations at the same time on one store, or dispatched twice', '0'],
          ['rounds with an API and a worker killed and the other worker frozen', count(figures.deaths)],
        ],
      },
    ],
    notes: [
      `Seed ${run.seed}. The zeros are what the tests assert: they fail otherwise, and nothing is written.`,
      'An operation that was overtaken before it was dispatched takes no workflow run.',
    ],
  });
}
