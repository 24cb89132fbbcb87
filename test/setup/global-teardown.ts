import { rm } from 'node:fs/promises';
import type { TestRun } from './global-setup';

module.exports = async function globalTeardown(): Promise<void> {
  const run = (globalThis as { keymoorTestRun?: TestRun }).keymoorTestRun;
  if (run === undefined) return;
  process.off('exit', run.onExit);
  await run.engines.stop();
  await rm(run.home, { recursive: true, force: true });
};
