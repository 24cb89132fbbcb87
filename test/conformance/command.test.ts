import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectFolder } from '../../cli/environment';
import { CASES } from '../../conformance/cases';
import { makeAuthority } from '../clients/xks/test-authority';
import { TestSimulator } from '../simulator/harness/simulator';
import { createProxy, XksClient } from '../simulator/harness/xks-proxy';

const MAIN = join(projectFolder(), 'dist', 'cli', 'main.js');

let folder: string;
let simulator: TestSimulator;
let client: XksClient;
let caFile: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'keymoor-xks-check-'));
  simulator = await TestSimulator.start();
  client = await XksClient.of(simulator, await createProxy(simulator));
  caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, client.ca);
});

afterAll(async () => {
  await simulator.dispose();
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Starts the built program, with the proxy's credential in its environment unless something else is said. */
function start(args: readonly string[], environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, 'xks', 'check', ...args], {
    env: {
      PATH: process.env['PATH'] ?? '',
      KEYMOOR_XKS_ACCESS_KEY_ID: client.proxy.AccessKeyId,
      KEYMOOR_XKS_SECRET_ACCESS_KEY: client.proxy.RawSecretAccessKey,
      ...environment,
    },
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, ...output })));
  return { child, output, ended };
}

const url = (): string => `https://${client.host}${client.proxy.XksProxyUriPath}`;
const way = (): string => `${client.host}:443:127.0.0.1:${client.port}`;
/** A machine with many tests at once must not look like a slow proxy. */
const usual = (): string[] => [url(), '--connect-to', way(), '--ca', caFile, '--timeout-ms', '10000'];
const KEYS = ['--key', 'aes-256', '--key-disabled', 'disabled'];
const OTHER_KEYS = ['--key-encrypt-only', 'encrypt-only', '--key-decrypt-only', 'decrypt-only'];

test("the simulator's proxy passes every check", async () => {
  const { code, stdout, stderr } = await start([...usual(), ...KEYS, ...OTHER_KEYS, '--load', '3']).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const lines = stdout.trimEnd().split('\n');
  expect(lines.filter((line) => line.startsWith('ok ')).map((line) => line.split(/ +/)[1])).toEqual(
    CASES.map(({ id }) => id),
  );
  expect(lines.at(-1)).toBe(`${CASES.length} checks: ${CASES.length} passed, 0 failed, 0 known to fail`);
  expect(stdout).toMatch(/under load: 150 x Encrypt over 3 connections, \d+\/s, 0 failed, /);
  expect(stdout).not.toContain(client.proxy.RawSecretAccessKey);
});

test('a URL with a port of its own is reached, and signed for, there', async () => {
  const authority = await makeAuthority();
  const { key, cert } = await authority.issue(['localhost']);
  const ca = join(folder, 'own-ca.pem');
  writeFileSync(ca, authority.ca);
  const hosts = new Set<string | undefined>();
  const server = createServer({ key, cert }, (request, response) => {
    hosts.add(request.headers.host);
    response.writeHead(500).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const address = `https://localhost:${port}/kms/xks/v1`;
  const { code, stdout } = await start([address, '--ca', ca, '--json', '--key', 'k']).ended;
  expect(code).toBe(1);
  // what a key store does has no port
  expect([...hosts].sort()).toEqual(['localhost', `localhost:${port}`]);
  const { checks } = JSON.parse(stdout) as { checks: { id: string; verdict: string }[] };
  expect(checks.filter(({ verdict }) => verdict === 'ok').map(({ id }) => id)).toEqual(
    expect.arrayContaining(['tls-certificate-chain', 'tls-certificate-name', 'reachable']),
  );
  server.closeAllConnections();
  server.close();
});

test('without --key every check that needs one fails and says so; none is skipped', async () => {
  const { code, stdout } = await start([...usual(), '--json']).ended;
  expect(code).toBe(1);
  const { checks } = JSON.parse(stdout) as {
    checks: { id: string; verdict: string; message?: string }[];
  };
  expect(checks).toHaveLength(CASES.filter(({ onlyWith }) => onlyWith === undefined).length);
  const failed = checks.filter(({ verdict }) => verdict === 'failed');
  expect(new Set(failed.map(({ message }) => message))).toEqual(
    new Set(['needs an external key: name one with --key']),
  );
  expect(failed.map(({ id }) => id)).toContain('size-largest');
  expect(failed.map(({ id }) => id)).not.toContain('health-fleet-size');
});

test('known failures of a baseline do not fail the run, and those that pass are named', async () => {
  await simulator.control('PATCH', `/xks-proxies/${client.proxy.id}`, { behaviour: 'expired-certificate' });
  const baseline = join(folder, 'baseline');
  const junit = join(folder, 'junit.xml');
  const args = [...usual(), ...KEYS, '--baseline', baseline, '--junit', junit];
  try {
    writeFileSync(baseline, 'tls-certificate-validity\n');
    const one = await start(args).ended;
    expect(one.code).toBe(1);
    expect(one.stdout).toMatch(/^known {2}tls-certificate-validity /m);
    expect(one.stdout).toMatch(
      /^FAIL {3}connect-probe .*\n +the store would be FAILED with XKS_PROXY_INVALID_TLS_CONFIGURATION: /m,
    );
    expect(readFileSync(junit, 'utf8')).toContain('failures="1"');
    writeFileSync(baseline, '["tls-certificate-validity", "connect-probe", "get-health"]');
    const both = await start(args).ended;
    expect(both.code).toBe(0);
    expect(both.stdout).toMatch(/^fixed {2}get-health /m);
    expect(both.stdout).toContain('get-health is in the baseline and passes: take it out\n');
    expect(both.stdout.trimEnd()).toMatch(/ 0 failed, 2 known to fail$/);
    expect(readFileSync(junit, 'utf8')).toContain('failures="0"');
  } finally {
    await simulator.control('PATCH', `/xks-proxies/${client.proxy.id}`, { behaviour: 'healthy' });
  }
});

test('Ctrl-C ends it with one line', async () => {
  await simulator.control('PATCH', `/xks-proxies/${client.proxy.id}`, { behaviour: 'hang' });
  try {
    const { child, output, ended } = start([...usual(), ...KEYS]);
    // the checks of TLS pass; the next one waits
    await new Promise<void>((resolve) => {
      child.stdout.on('data', () => {
        if (output.stdout.includes('tls-certificate-chain')) resolve();
      });
    });
    child.kill('SIGINT');
    const { code, stderr, stdout } = await ended;
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'keymoor: interrupted\n' });
    expect(stdout).not.toContain('checks:');
  } finally {
    await simulator.control('PATCH', `/xks-proxies/${client.proxy.id}`, { behaviour: 'healthy' });
  }
});

test('a proxy that is not there fails everything, at once', async () => {
  const { code, stdout } = await start([
    url(),
    '--connect-to',
    `${client.host}:443:127.0.0.1:1`,
    '--key',
    'k',
  ]).ended;
  expect(code).toBe(1);
  expect(stdout).toMatch(/^FAIL {3}reachable .*\n +GetHealthStatus: ECONNREFUSED while connecting$/m);
  expect(stdout).toContain('not tried: the proxy cannot be reached');
  // Nothing was refused where nothing came up.
  expect(stdout).not.toMatch(/^ok/m);
});

test.each([
  [['http://xks.example.com/kms/xks/v1'], 'the URL does not begin with https:'],
  [['xks.example.com'], 'the URL cannot be read'],
  [['https://u:p@xks.example.com/kms/xks/v1'], 'the URL holds a user'],
  [['https://xks.example.com/kms/xks/v1?a=b'], 'the URL holds a query'],
  [['https://127.0.0.1:8443/kms/xks/v1'], 'names an IP address and KMS demands a name'],
  [['https://xks.example.com/kms'], 'has a path that does not end in /kms/xks/v1'],
  [
    ['https://x.example/kms/xks/v1', '--connect-to', 'x:y'],
    '--connect-to: "x:y" is not HOST1:PORT1:HOST2:PORT2',
  ],
  [['https://x.example/kms/xks/v1', '--ca', '/nowhere.pem'], '--ca: /nowhere.pem cannot be read (ENOENT)'],
  [['https://x.example/kms/xks/v1', '--ca', __filename], 'is not a bundle of PEM certificates'],
  [['https://x.example/kms/xks/v1', '--key', 'a/b'], '--key: an external key id has 1 to 128 characters'],
  [['https://x.example/kms/xks/v1', '--region', 'mars'], '--region: "mars" is not the name of a Region'],
  [['https://x.example/kms/xks/v1', '--load', '0'], '--load: "0" is not a whole number from 1 to 1000'],
  [['https://x.example/kms/xks/v1', '--timeout-ms', 'x'], '--timeout-ms: "x" is not a whole number'],
  [
    ['https://x.example/kms/xks/v1', '--baseline', '/nowhere'],
    '--baseline: /nowhere cannot be read (ENOENT)',
  ],
  [['https://x.example/kms/xks/v1', '--junit', tmpdir()], 'is a folder'],
  [
    ['https://x.example/kms/xks/v1', '--junit', '/nowhere/a.xml'],
    '--junit: /nowhere/a.xml cannot be written (ENOENT)',
  ],
])('%j is a wrong command: one line and exit code 2', async (args, line) => {
  const { code, stdout, stderr } = await start(args).ended;
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(line);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
});

test('a baseline with an id that no check has is a wrong command', async () => {
  const baseline = join(folder, 'misspelt');
  writeFileSync(baseline, 'health-avialable\n');
  const { code, stderr } = await start([...usual(), '--baseline', baseline]).ended;
  expect(code).toBe(2);
  expect(stderr).toBe(`keymoor: --baseline ${baseline}: no check has the id "health-avialable"\n`);
});

test.each([
  ['KEYMOOR_XKS_ACCESS_KEY_ID', '', 'is not set'],
  ['KEYMOOR_XKS_SECRET_ACCESS_KEY', '', 'is not set'],
  ['KEYMOOR_XKS_SECRET_ACCESS_KEY', 'canary', 'does not have 43 to 64 characters'],
])('%s = "%s" is a wrong command, and the value is not repeated', async (name, value, problem) => {
  const { code, stderr } = await start(usual(), { [name]: value }).ended;
  expect(code).toBe(2);
  expect(stderr).toContain(`keymoor: ${name}: ${problem}`);
  expect(stderr).not.toContain('canary');
});

test.each([[[]], [['https://x.example/kms/xks/v1', '--fly']]])(
  'what the command line does not know (%j) is a wrong command',
  async (args) => {
    const { code, stderr } = await start(args).ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: /);
  },
);

test('CA file, way and Region come from the environment where no option says otherwise', async () => {
  const { code, stdout } = await start([url(), ...KEYS, '--timeout-ms', '10000', '--json'], {
    KEYMOOR_XKS_CA_FILE: caFile,
    KEYMOOR_XKS_CONNECT_TO: way(),
    AWS_REGION: 'eu-west-1',
  }).ended;
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ region: 'eu-west-1', summary: { failed: 0 } });
});
