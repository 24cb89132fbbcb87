import { XMLBuilder } from 'fast-xml-parser';
import type { CheckResult, CheckRun } from '../run-checks';
import { SECTIONS } from '../specification';
import { countVerdicts } from './summary';

const BUILDER = new XMLBuilder({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  format: true,
  suppressEmptyNode: true,
});

/**
 * A run as JUnit XML, which CI systems show: one suite, a test case per check, named by its id and classed by its
 * section. A known failure is `skipped` with its message, so that it is seen and does not fail the build.
 */
export function junitReport(run: CheckRun): string {
  const { total, failed, known } = countVerdicts(run);
  return BUILDER.build({
    '?xml': { '@version': '1.0', '@encoding': 'UTF-8' },
    testsuite: {
      '@name': 'keymoor xks check',
      '@tests': total,
      '@failures': failed,
      '@errors': 0,
      '@skipped': known,
      '@timestamp': run.startedAt.toISOString(),
      '@time': seconds(run.results.reduce((sum, { milliseconds }) => sum + milliseconds, 0)),
      testcase: run.results.map(testCase),
    },
  });
}

function testCase({ case: one, verdict, message = '', milliseconds }: CheckResult): Record<string, unknown> {
  return {
    '@classname': `xks.${SECTIONS[one.section]}`,
    '@name': `${one.id}: ${one.title}`,
    '@time': seconds(milliseconds),
    ...(verdict === 'failed' && { failure: { '@message': message } }),
    ...(verdict === 'known' && { skipped: { '@message': `known failure: ${message}` } }),
    ...(verdict === 'fixed' && { 'system-out': 'This check is in the baseline and passes: take it out.' }),
  };
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1_000).toFixed(3);
}
