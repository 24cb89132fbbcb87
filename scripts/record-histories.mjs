/**
 * Records the workflow histories that are missing in `test/replay/`: `npm run record-histories`. What is there stays
 * as it is; `npm run record-histories -- --overwrite NAME` replaces one (NAME is `<workflow>.<scenario>`), which is for
 * a history that was recorded wrongly, never for one that fails on changed code.
 */
import { parseArgs } from 'node:util';
import { runUnderJest } from './jest-file.mjs';
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
  await runUnderJest('test/replay/record-histories.ts', { KEYMOOR_OVERWRITE_HISTORIES: overwrite.join(',') });
});
