import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../../cli/environment';
import { CASES } from '../../conformance/cases';
import { checkLines } from '../../conformance/reports/text-report';
import { XKS_PROXY_OUTCOMES } from '../../keystore/xks-proxy-outcome';

const PAGE = readFileSync(join(projectFolder(), 'docs', 'test-your-xks-proxy.md'), 'utf8').split('\n');

test.each(Object.entries(XKS_PROXY_OUTCOMES))(
  'the page tells what %s becomes at Create and at Connect',
  (outcome, { exception, connectionErrorCode }) => {
    const rows = PAGE.filter((line) => line.startsWith('|') && line.includes(`\`${exception}\`; `));
    expect(
      rows.filter(
        (row) => new RegExp(`(\`|\\| )${outcome}\\b`).test(row) && row.includes(`\`${connectionErrorCode}\``),
      ),
    ).toHaveLength(1);
  },
);

test('the checks of the run that the page shows are there, in those words', () => {
  const shown = PAGE.filter((line) => /^(ok {5}|FAIL {3})/.test(line));
  const lines = new Set(
    CASES.flatMap((one) =>
      (['ok', 'failed'] as const).map((verdict) => checkLines({ case: one, verdict, milliseconds: 0 })[0]),
    ),
  );
  expect(shown.length).toBeGreaterThan(10);
  expect(shown.filter((line) => !lines.has(line))).toEqual([]);
});
