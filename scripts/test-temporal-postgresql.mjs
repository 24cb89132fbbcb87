/**
 * Set-up, then the end-to-end tests against a Temporal server that stores in PostgreSQL: `npm run test:temporal-postgresql`, with
 * arguments those tests instead. The server is built once with `go`, from the Go module proxy, into the cache; without `go` all is
 * skipped, and a line says so.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { runJest } from './run-jest.mjs';
import { afterSetup } from './setup.mjs';

/** The oldest that `go` 1.26 installs of the minor version that we ask for (`docs/operations.md`). */
const VERSION = 'v1.31.2';
const PACKAGES = { server: 'go.temporal.io/server/cmd/server', sql: 'go.temporal.io/server/cmd/tools/sql' };

await afterSetup(async () => {
  const folder = temporalServer();
  if (folder === undefined) {
    process.stdout.write(
      'skipped: a Temporal server on PostgreSQL: go is not installed, which builds it\n0 passed, 0 failed\n',
    );
    return;
  }
  process.env.KEYMOOR_TEST_TEMPORAL_SERVER = folder;
  const given = process.argv.slice(2);
  await runJest(['--runInBand', ...(given.length > 0 ? given : ['test/e2e'])]);
});

/** Folder of the server's programs, built where they are not there yet; undefined without `go`. */
function temporalServer() {
  const folder = join(cacheFolder(), `temporal-server-${VERSION}`);
  if (Object.keys(PACKAGES).every((name) => existsSync(join(folder, name)))) return folder;
  if (spawnSync('go', ['version']).status !== 0) return undefined;
  process.stderr.write(`keymoor: building Temporal's server ${VERSION} with go (some minutes, once)\n`);
  mkdirSync(cacheFolder(), { recursive: true });
  const scratch = mkdtempSync(join(cacheFolder(), 'building-'));
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

function cacheFolder() {
  const { KEYMOOR_CACHE_DIR: own, XDG_CACHE_HOME: xdg } = process.env;
  return own || join(xdg || join(homedir(), '.cache'), 'keymoor');
}
