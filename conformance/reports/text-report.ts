import { CASES } from '../cases';
import type { CheckResult, CheckRun, Verdict } from '../run-checks';
import { OPERATION_NAMES, SECTIONS } from '../specification';
import type { Durations } from '../statistics';
import { countVerdicts, durationsByOperation } from './summary';

const WORDS: Readonly<Record<Verdict, string>> = {
  ok: 'ok',
  failed: 'FAIL',
  known: 'known',
  fixed: 'fixed',
};
const WORD_WIDTH = Math.max(...Object.values(WORDS).map((word) => word.length));
const ID_WIDTH = Math.max(...CASES.map(({ id }) => id.length));

/** One line for a check, and one below it that says why it failed. */
export function checkLines({ case: one, verdict, message }: CheckResult): string[] {
  const line = `${WORDS[verdict].padEnd(WORD_WIDTH)}  ${one.id.padEnd(ID_WIDTH)}  ${one.title}  [${SECTIONS[one.section]}]`;
  if (message !== undefined) return [line, `${' '.repeat(WORD_WIDTH + 2)}${message}`];
  return [line];
}

/** What stands at the end: durations, and how many checks ended how. */
export function summaryLines(run: CheckRun): string[] {
  const { limitMs } = run.proxy;
  const { total, ok, failed, known, fixed } = countVerdicts(run);
  const load =
    run.load === undefined
      ? []
      : [
          `under load: ${run.load.requests} x Encrypt over ${run.load.connections} connections, ${run.load.perSecond.toFixed(0)}/s, ${run.load.failed} failed, ${inWords(run.load, limitMs)}`,
        ];
  return [
    '',
    ...durationsByOperation(run).map(
      (row) =>
        `${OPERATION_NAMES[row.operation]}: ${row.durations.count} on fresh connections, ${inWords(row.durations, limitMs)}`,
    ),
    ...load,
    ...run.results
      .filter(({ verdict }) => verdict === 'fixed')
      .map(({ case: one }) => `${one.id} is in the baseline and passes: take it out`),
    `${total} checks: ${ok + fixed} passed, ${failed} failed, ${known} known to fail`,
  ];
}

function inWords({ p50, p99, shareOverLimit }: Durations, limitMs: number): string {
  return `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${(shareOverLimit * 100).toFixed(1)} % over ${limitMs} ms`;
}
