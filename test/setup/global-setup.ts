import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client } from 'pg';
import { migrate } from '../../database/migrate';
import { clearKilledRuns, startTestEngines, TEST_HOME_PREFIX } from './engines';
import type { TestEngines } from './engines';
import { TEMPLATE_DATABASE } from './template';

/** What the tear-down needs. It runs in the same process, but as another module graph: `globalThis` is what they share. */
export interface TestRun {
  engines: TestEngines;
  home: string;
  onExit: () => void;
}

const PROJECT = join(__dirname, '..', '..');

/**
 * One PostgreSQL and one Temporal dev server for the whole run, a migrated template database, and the workflow bundle.
 * Test files get to know them through `test/setup/database.ts` and `test/setup/temporal.ts`.
 */
// jest wants a default export; `module.exports` keeps the project free of them.
module.exports = async function globalSetup(): Promise<void> {
  // Each of the many processes that the tests start would read these CAs at its start; nothing here leaves the loopback.
  delete process.env['NODE_EXTRA_CA_CERTS'];
  clearKilledRuns();
  const home = mkdtempSync(join(tmpdir(), TEST_HOME_PREFIX));
  const [engines, bundle] = await Promise.all([startTestEngines(home), buildProject()]);
  const onExit = (): void => {
    engines.kill();
    rmSync(home, { recursive: true, force: true });
  };
  process.once('exit', onExit);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
  await makeTemplate(engines.databaseUrl);
  process.env['KEYMOOR_TEST_DATABASE_URL'] = engines.databaseUrl;
  process.env['KEYMOOR_TEST_TEMPORAL_ADDRESS'] = engines.temporalAddress;
  process.env['KEYMOOR_TEST_WORKFLOW_BUNDLE'] = bundle;
  (globalThis as { keymoorTestRun?: TestRun }).keymoorTestRun = { engines, home, onExit };
};

/** Builds what changed since the last time (supervisor tests run `dist/`); the path of the workflow bundle. */
async function buildProject(): Promise<string> {
  const script = (name: string): string => pathToFileURL(join(PROJECT, 'scripts', name)).href;
  const { isBuilt } = (await import(script('built.mjs'))) as { isBuilt: () => boolean };
  const { build } = (await import(script('build.mjs'))) as { build: () => Promise<void> };
  if (!isBuilt()) await build();
  return join(PROJECT, 'dist', 'workflow-bundle.js');
}

async function makeTemplate(databaseUrl: string): Promise<void> {
  const admin = new Client({ connectionString: databaseUrl });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${TEMPLATE_DATABASE}`);
  await admin.end();
  const template = new URL(databaseUrl);
  template.pathname = TEMPLATE_DATABASE;
  await migrate(template.href);
}
