/** `npm run check`: types, lint and import rules, format, one version of protobufjs, the page of results; side by side, told one after another. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT } from './layout.mjs';
import { afterSetup } from './setup.mjs';

const BIN = join(PROJECT, 'node_modules', '.bin');

const CHECKS = [
  { name: 'tsc', file: join(BIN, 'tsc'), args: ['--noEmit', '--pretty'] },
  { name: 'eslint', file: join(BIN, 'eslint'), args: ['.', '--color'] },
  { name: 'prettier', file: join(BIN, 'prettier'), args: ['--check', '.'] },
  { name: 'npm ls protobufjs', file: 'npm', args: ['ls', 'protobufjs'] },
  {
    name: 'docs/results.md',
    file: process.execPath,
    args: [join(PROJECT, 'scripts', 'results.mjs'), '--check'],
  },
];

/** Runs one check to its end; what it says comes all at once. */
function run({ file, args }) {
  return new Promise((resolve) => {
    const output = [];
    const child = spawn(file, args, { cwd: PROJECT, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
    child.once('error', (error) => resolve({ ok: false, said: `${error.message}\n` }));
    child.once('close', (code) => resolve({ ok: code === 0, said: Buffer.concat(output).toString() }));
  });
}

await afterSetup(async () => {
  const running = CHECKS.map((check) => ({ check, end: run(check) }));
  for (const { check, end } of running) {
    const { ok, said } = await end;
    process.stdout.write(`${ok ? 'ok  ' : 'FAIL'}  ${check.name}\n`);
    if (!ok) {
      process.stdout.write(said);
      process.exitCode = 1;
    }
  }
});
