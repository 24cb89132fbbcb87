// Runs the security tests in their larger form, and writes their figures to docs/results/security.json.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'keymoor-security-'));
const tests = ['signature-fuzz', 'oddities', 'api/marker', 'address-rules', 'xks/route', 'e2e/story'];
const { status } = spawnSync(process.execPath, [join('node_modules', 'jest', 'bin', 'jest.js'), ...tests], {
  stdio: 'inherit',
  env: {
    ...process.env,
    NODE_OPTIONS: '--experimental-vm-modules',
    KEYMOOR_SECURITY_RUNS: process.env.KEYMOOR_SECURITY_RUNS ?? '3000',
    KEYMOOR_SECURITY_ROWS: folder,
  },
});
if (status === 0) {
  const rows = ['signatures', 'oddities', 'addresses', 'canaries'].flatMap((part) =>
    JSON.parse(readFileSync(join(folder, `${part}.json`), 'utf8')),
  );
  const part = {
    part: 'security',
    title: 'Security',
    command: 'node scripts/security-results.mjs',
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${process.platform}, Node.js ${process.versions.node}`,
    at: new Date().toISOString().slice(0, 10),
    tables: [{ head: ['What', 'Number', 'Outcome'], rows: rows.map((row) => row.map(String)) }],
    notes: ['What is protected against whom: [security.md](security.md).'],
  };
  writeFileSync(join('docs', 'results', 'security.json'), `${JSON.stringify(part, null, 2)}\n`);
}
rmSync(folder, { recursive: true, force: true });
process.exitCode = status ?? 1;
