/**
 * Records the workflow histories that are missing in `test/replay/`: `npm run record-histories`. What is there stays
 * as it is; `npm run record-histories -- --overwrite NAME` replaces one (NAME is `<workflow>.<scenario>`), which is for
 * a history that was recorded wrongly, never for one that fails on changed code.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { PROJECT } from './layout.mjs';
import { afterSetup } from './setup.mjs';

await afterSetup(async () => {
  let overwrite;
  try {
    ({ overwrite = [] } = parseArgs({ options: { overwrite: { type: 'string', multiple: true } } }).values);
  } catch (error) {
    process.stderr.write(
      `keymoor: ${error.message}\nusage: npm run record-histories [-- --overwrite NAME]…\n`,
    );
    process.exitCode = 1;
    return;
  }
  const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
  // The recorder is no test: it is found by its name here and by none of the test patterns.
  const args = [
    '--experimental-vm-modules',
    jest,
    '--verbose',
    '--testMatch',
    '**/test/replay/record-histories.ts',
  ];
  const child = spawn(process.execPath, args, {
    cwd: PROJECT,
    stdio: 'inherit',
    env: { ...process.env, KEYMOOR_OVERWRITE_HISTORIES: overwrite.join(',') },
  });
  const passOn = (signal) => child.kill(signal);
  process.on('SIGTERM', passOn);
  process.on('SIGINT', passOn);
  const [code] = await new Promise((resolve) => child.once('exit', (...end) => resolve(end)));
  process.exitCode = code ?? 1;
});
