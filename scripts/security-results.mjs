/**
 * Set-up, then the security tests in their larger form: `npm run results:security`. Writes docs/results/security.json.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runJest } from './run-jest.mjs';
import { afterSetup } from './setup.mjs';

const TESTS = ['signature-fuzz', 'oddities', 'api/marker', 'address-rules', 'xks/route', 'e2e/story'];

await afterSetup(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'keymoor-security-'));
  process.env.KEYMOOR_SECURITY_RUNS ??= '3000';
  process.env.KEYMOOR_SECURITY_ROWS = folder;
  await runJest(TESTS);
  if (process.exitCode === 0) {
    const rows = ['signatures', 'oddities', 'addresses', 'canaries'].flatMap((part) =>
      JSON.parse(readFileSync(join(folder, `${part}.json`), 'utf8')),
    );
    const { default: built } = await import('../dist/bench/results-part.js');
    built.writeResultsPart({
      part: 'security',
      title: 'Security',
      command: 'npm run results:security',
      tables: [{ head: ['What', 'Number', 'Outcome'], rows: rows.map((row) => row.map(String)) }],
      notes: ['What is protected against whom: [security.md](security.md).'],
    });
  }
  rmSync(folder, { recursive: true, force: true });
});
