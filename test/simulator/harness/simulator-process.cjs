// A simulator in a process of its own, so that a test can kill it: node simulator-process.cjs <state folder>.
// Prints its address. Compiles the sources as it loads them.
const { transformFileSync } = require('@swc/core');
const { pino } = require('pino');
const path = require('node:path');

const root = path.resolve(__dirname, '../../..');
require.extensions['.ts'] = (module, file) => {
  const { code } = transformFileSync(file, { cwd: root, configFile: path.join(root, '.swcrc') });
  module._compile(code, file);
};
const { startSimulator } = require(path.join(root, 'simulator/server.ts'));

startSimulator({
  host: '127.0.0.1',
  port: 0,
  stateDir: process.argv[2],
  pace: 0,
  region: 'eu-central-1',
  logger: pino({ level: 'silent' }),
}).then(({ url }) => process.stdout.write(`${url}\n`));
