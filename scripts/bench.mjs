/** Set-up, then the benchmarks: `npm run bench`, `npm run bench -- --quick`. */
import { afterSetup } from './setup.mjs';

await afterSetup(async () => {
  const { main } = await import('../dist/bench/main.js');
  await main(process.argv.slice(2));
});
