/**
 * Set-up, then the end-to-end tests against a Temporal server that stores in PostgreSQL: `npm run test:temporal-postgresql`, with
 * arguments those tests instead; `--record` writes docs/results/temporal-on-postgresql.json. The server is built once with `go`, from
 * the Go module proxy, into the cache; without `go` all is skipped, and a line says so.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { recordTests } from './record-tests.mjs';
import { runJest } from './run-jest.mjs';
import { afterSetup } from './setup.mjs';

/** The oldest that `go` 1.26 installs of the minor version that we ask for (`docs/operations.md`). */
const VERSION = 'v1.31.2';
const PACKAGES = { server: 'go.temporal.io/server/cmd/server', sql: 'go.temporal.io/server/cmd/tools/sql' };

await afterSetup(async () => {
  const { default: environment } = await import('../dist/cli/environment.js');
  const folder = temporalServer(environment.cacheDirOf(process.env));
  if (folder === undefined) {
    process.stdout.write(
      'skipped: a Temporal server on PostgreSQL: go is not installed, which builds it\n0 passed, 0 failed\n',
    );
    return;
  }
  process.env.KEYMOOR_TEST_TEMPORAL_SERVER = folder;
  const given = process.argv.slice(2);
  if (given.join() === '--record') {
    const title = 'The end-to-end tests on a Temporal server that stores in PostgreSQL';
    const command = 'npm run test:temporal-postgresql -- --record';
    await recordTests({ part: 'temporal-on-postgresql', title, command }, ['--runInBand', 'test/e2e']);
  } else {
    await runJest(['--runInBand', ...(given.length > 0 ? given : ['test/e2e'])]);
  }
});

/** Folder of the server's programs, built where they are not there yet; undefined without `go`. */
function temporalServer(cacheFolder) {
  const folder = join(cacheFolder, `temporal-server-${VERSION}`);
  if (Object.keys(PACKAGES).every((name) => existsSync(join(folder, name)))) return folder;
  if (spawnSync('go', ['version']).status !== 0) return undefined;
  process.stderr.write(`keymoor: building Temporal's server ${VERSION} with go (some minutes, once)\n`);
  mkdirSync(cacheFolder, { recursive: true });
  const scratch = mkdtempSync(join(cacheFolder, 'building-'));
  try {
    for (const name of Object.values(PACKAGES)) {
      const { status } = spawnSync('go', ['install', `${name}@${VERSION}`], {
        cwd: scratch,
        env: { ...process.env, GOBIN: scratch },
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      if (status !== 0) throw new Error(`go install ${name}@${VERSION} failed; its output is above`);
    }
    rmSync(folder, { recursive: true, force: true });
    renameSync(scratch, folder);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return folder;
}
