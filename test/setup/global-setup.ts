import { existsSync, mkdtempSync, rmSync } from 'node:fs';
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
  clearKilledRuns();
  const home = mkdtempSync(join(tmpdir(), TEST_HOME_PREFIX));
  const [engines, bundle] = await Promise.all([startTestEngines(home), workflowBundle()]);
  const onExit = (): void => {
    engines.kill();
    rmSync(home, { recursive: true, force: true });
  };
  process.once('exit', onExit);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
  await makeTemplate(engines.databaseUrl);
  process.env['KEYMOOR_TEST_DATABASE_URL'] = engines.databaseUrl;
  process.env['KEYMOOR_TEST_TEMPORAL_ADDRESS'] = engines.temporalAddress;
  if (bundle !== undefined) process.env['KEYMOOR_TEST_WORKFLOW_BUNDLE'] = bundle;
  (globalThis as { keymoorTestRun?: TestRun }).keymoorTestRun = { engines, home, onExit };
};

/** Bundles what changed since the last time; the path of the bundle. */
async function workflowBundle(): Promise<string | undefined> {
  if (!existsSync(join(PROJECT, 'workflows', 'index.ts'))) return undefined;
  const { bundleWorkflows } = (await import(pathToFileURL(join(PROJECT, 'scripts', 'build.mjs')).href)) as {
    bundleWorkflows: () => Promise<void>;
  };
  await bundleWorkflows();
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
