/** Set-up, then the command-line program in this same process: `npm start`, `npm run keymoor -- <command>`. */
import { afterSetup } from './setup.mjs';

await afterSetup(async () => {
  const { main } = await import('../dist/cli/main.js');
  await main(process.argv.slice(2));
});
