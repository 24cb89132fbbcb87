import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirOf, projectFolder } from '../../cli/environment';
import { processIdentity } from '../../cli/process-identity';
import type { Endpoints } from '../../cli/supervisor/endpoints-file';
import { temporaryFolder } from './folders';
import { until } from './waiting';

/*
 * `keymoor dev` as a user meets it, on a home of its own. The tests tell one story and run in order.
 */

jest.setTimeout(600_000);

const folder = temporaryFolder();
const HOME = join(folder, 'home');
const ENDPOINTS = join(HOME, 'endpoints.json');
const MAIN = join(projectFolder(), 'dist', 'cli', 'main.js');
const CHILDREN = ['postgres', 'temporal', 'simulator', 'worker', 'api'] as const;

interface Dev {
  process: ChildProcess;
  pid: number;
  output: () => string;
  ended: Promise<number | null>;
}

const started: Dev[] = [];

function dev(overrides: Record<string, string> = {}): Dev {
  const child = spawn(process.execPath, [MAIN, 'dev'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      KEYMOOR_HOME: HOME,
      KEYMOOR_CACHE_DIR: cacheDirOf(process.env),
      KEYMOOR_PORT: '0',
      KEYMOOR_ADMIN_PORT: '0',
      KEYMOOR_SIMULATOR_PORT: '0',
      KEYMOOR_WORKER_ADMIN_PORT: '0',
      KEYMOOR_SIMULATOR_PACE: '0',
      ...overrides,
    },
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const running = { process: child, pid: child.pid ?? 0, output: () => output, ended };
  started.push(running);
  return running;
}

function endpoints(): Endpoints {
  return JSON.parse(readFileSync(ENDPOINTS, 'utf8')) as Endpoints;
}

async function ready(of: Dev): Promise<Endpoints> {
  return until(
    `the banner; so far: ${of.output()}`,
    () => of.output().includes('Keymoor is ready.') && endpoints(),
    240_000,
  );
}

/** The ports: everything but the pids. */
function places({ pids: _pids, ...rest }: Endpoints): Omit<Endpoints, 'pids'> {
  return rest;
}

/** On a busy machine what is asked has a moment now and then in which it does not answer in time. */
function untilUp(url: string): Promise<true> {
  return until(url, async () => (await fetch(url)).ok && true);
}

async function untilAllServe({ admin, workerAdmin, simulator, temporalUi }: Endpoints): Promise<void> {
  await Promise.all(
    [`${admin}/readyz`, `${workerAdmin}/readyz`, `${simulator}/_control/inventory`, temporalUi ?? ''].map(
      untilUp,
    ),
  );
}

let current: Dev;
let first: Endpoints;

afterAll(async () => {
  for (const { process: child, ended } of started) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await ended;
  }
});

test('it starts one process each, writes endpoints.json and says what to try', async () => {
  current = dev();
  first = await ready(current);
  expect(first.pids.supervisor).toBe(current.pid);
  const pids = CHILDREN.map((name) => first.pids[name] ?? 0);
  expect(new Set(pids).size).toBe(5);
  for (const pid of pids) expect(processIdentity(pid)).toBeDefined();
  await untilAllServe(first);
  expect(current.output()).toContain(`--endpoint-url ${first.kms}`);
  expect(current.output()).toContain('aws kms create-custom-key-store');
  expect(statSync(ENDPOINTS).mode & 0o777).toBe(0o600);
});

test('children are in process groups of their own, so that Ctrl-C reaches the supervisor alone', () => {
  const groupOf = (pid: number): number => {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
  };
  if (process.platform === 'linux') {
    for (const name of CHILDREN) expect(groupOf(first.pids[name] ?? 0)).toBe(first.pids[name]);
  }
  expect.assertions(process.platform === 'linux' ? 5 : 0);
});

test('logs are JSON lines, one file per process', () => {
  expect(readdirSync(join(HOME, 'logs'))).toEqual(
    expect.arrayContaining(['api.log', 'simulator.log', 'supervisor.log']),
  );
  // nobody has called yet: the audit log is there and empty
  expect(readFileSync(join(HOME, 'logs', 'audit.log'), 'utf8')).toBe('');
  for (const file of readdirSync(join(HOME, 'logs')).filter((name) => name !== 'audit.log')) {
    const lines = readFileSync(join(HOME, 'logs', file), 'utf8')
      .trim()
      .split('\n');
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ level: expect.any(Number) as number });
  }
});

test('a second start on the same home refuses with one line and harms nothing', async () => {
  const second = dev();
  expect(await second.ended).toBe(1);
  expect(second.output()).toBe(
    `keymoor: KEYMOOR_HOME: ${HOME} is in use by another keymoor (pid ${String(current.pid)}); stop that one, or set KEYMOOR_HOME to another folder\n`,
  );
  expect(endpoints()).toEqual(first);
  await untilUp(`${first.admin}/readyz`);
});

test('a used port refuses another home with one line', async () => {
  const other = dev({ KEYMOOR_HOME: join(folder, 'other'), KEYMOOR_PORT: new URL(first.kms).port });
  expect(await other.ended).toBe(1);
  expect(other.output()).toMatch(
    /^keymoor: KEYMOOR_PORT: port \d+ on 127\.0\.0\.1 is in use by another program;.*\n$/,
  );
  expect(existsSync(join(folder, 'other', 'supervisor.lock'))).toBe(false);
});

test.each(CHILDREN)(
  'a killed %s is started again on its port, and endpoints.json has its new pid',
  async (name) => {
    const before = endpoints();
    process.kill(before.pids[name] ?? 0, 'SIGKILL');
    const after = await until(
      'the new pid',
      () => endpoints().pids[name] !== before.pids[name] && endpoints(),
    );
    expect(places(after)).toEqual(places(first));
    await untilAllServe(first);
  },
);

test('after the supervisor was killed the next start ends its orphans and comes up on the kept ports', async () => {
  const orphans = CHILDREN.map((name) => ({ pid: endpoints().pids[name] ?? 0 })).map(({ pid }) => ({
    pid,
    identity: processIdentity(pid),
  }));
  current.process.kill('SIGKILL');
  await current.ended;
  expect(existsSync(ENDPOINTS)).toBe(true); // nobody was there to remove it
  current = dev();
  const second = await ready(current);
  for (const { pid, identity } of orphans) expect(processIdentity(pid)).not.toBe(identity);
  expect(second).toMatchObject({
    temporal: first.temporal,
    temporalUi: first.temporalUi,
    database: first.database,
  });
  expect(second.pids.supervisor).toBe(current.pid);
  expect(current.output()).toContain('ended what a killed keymoor had left running');
});

test('SIGTERM ends everything, and leaves no endpoints, no lock, no list of children', async () => {
  const pids = Object.values(endpoints().pids);
  current.process.kill('SIGTERM');
  expect(await current.ended).toBe(0);
  for (const pid of pids) expect(processIdentity(pid)).toBeUndefined();
  for (const file of ['endpoints.json', 'supervisor.lock', 'children.json']) {
    expect(existsSync(join(HOME, file))).toBe(false);
  }
});

test('a signal that comes while it starts ends it cleanly; Ctrl-C that arrives twice is one', async () => {
  const starting = dev();
  await until('the start', () => starting.output().includes('starting the simulator'));
  starting.process.kill('SIGINT');
  starting.process.kill('SIGINT');
  expect(await starting.ended).toBe(0);
  expect(existsSync(join(HOME, 'supervisor.lock'))).toBe(false);
  expect(existsSync(join(HOME, 'children.json'))).toBe(false);
});

test('with a database and a Temporal of the user’s own, none is started', async () => {
  const own = dev({
    KEYMOOR_HOME: join(folder, 'own'),
    DATABASE_URL: process.env['KEYMOOR_TEST_DATABASE_URL'] ?? '',
    TEMPORAL_ADDRESS: process.env['KEYMOOR_TEST_TEMPORAL_ADDRESS'] ?? '',
    KEYMOOR_TASK_QUEUE: 'own-engines',
  });
  const { pids, database, temporal, temporalUi } = await until(
    `the banner; so far: ${own.output()}`,
    () =>
      own.output().includes('Keymoor is ready.') &&
      (JSON.parse(readFileSync(join(folder, 'own', 'endpoints.json'), 'utf8')) as Endpoints),
    240_000,
  );
  expect(Object.keys(pids).toSorted()).toEqual(['api', 'simulator', 'supervisor', 'worker']);
  expect(database).toBe(process.env['KEYMOOR_TEST_DATABASE_URL']);
  expect(temporal).toBe(process.env['KEYMOOR_TEST_TEMPORAL_ADDRESS']);
  expect(temporalUi).toBeUndefined();
  own.process.kill('SIGTERM');
  expect(await own.ended).toBe(0);
});

test('a database that is not there ends the start with one line', async () => {
  const failing = dev({
    KEYMOOR_HOME: join(folder, 'failing'),
    DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/d',
    TEMPORAL_ADDRESS: '127.0.0.1:1',
  });
  expect(await failing.ended).toBe(1);
  const complaint = failing
    .output()
    .split('\n')
    .filter((line) => line.includes('DATABASE_URL'));
  expect(complaint).toHaveLength(1);
  expect(complaint[0]).toContain(
    'keymoor: DATABASE_URL: the database could not be migrated: connect ECONNREFUSED',
  );
  expect(failing.output()).not.toContain('secret');
});
