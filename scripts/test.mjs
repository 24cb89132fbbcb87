/** Set-up, then the tests: `npm test`, `npm test -- test/api`. */
import { runJest } from './run-jest.mjs';
import { afterSetup } from './setup.mjs';

await afterSetup(() => runJest(process.argv.slice(2)));
