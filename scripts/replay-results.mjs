/**
 * Counts what the recorded histories cover, and tries every mistake and every mutation on them: `npm run results:replay`
 * writes `docs/results/replay.json`. Takes a few minutes.
 */
import { runUnderJest } from './jest-file.mjs';
import { afterSetup } from './setup.mjs';

await afterSetup(() => runUnderJest('test/replay/write-results.ts'));
