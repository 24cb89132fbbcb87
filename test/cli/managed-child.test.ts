import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processIdentity } from '../../cli/process-identity';
import type { Program } from '../../cli/program';
import { ManagedChild, restartDelayMs } from '../../cli/supervisor/managed-child';
import { temporaryFolder } from './folders';
import { until } from './waiting';

const folder = temporaryFolder();
const children: ManagedChild[] = [];
let programs = 0;

interface Events {
  lines: string[];
  pids: number[];
  delays: number[];
  ends: number;
}

/** A child that runs a script; it is ready when it has written its file. */
function child(script: string, stop: Program['stop'] = [{ signal: 'SIGTERM', waitMs: 5_000 }]) {
  const ready = join(folder, `ready-${String((programs += 1))}`);
  const events: Events = { lines: [], pids: [], delays: [], ends: 0 };
  const managed = new ManagedChild(
    {
      name: 'worker',
      file: process.execPath,
      args: ['-e', script],
      env: { READY: ready },
      cwd: folder,
      stop,
      isReady: () => Promise.resolve(existsSync(ready)),
    },
    {
      onLine: (stream, line) => events.lines.push(`${stream}: ${line}`),
      onStart: (pid) => events.pids.push(pid),
      onRestart: (_, delayMs) => events.delays.push(delayMs),
      onEnd: () => {
        events.ends += 1;
      },
    },
  );
  children.push(managed);
  return { managed, events, ready };
}

const SERVE = "require('fs').writeFileSync(process.env.READY, ''); setInterval(() => {}, 1000);";
const never = new AbortController().signal;

afterAll(() => {
  for (const managed of children) managed.kill();
});

test('pauses between restarts begin at 0.2 s, double, and end at 5 s', () => {
  expect([0, 1, 2, 3, 4, 5, 20].map(restartDelayMs)).toEqual([200, 400, 800, 1600, 3200, 5000, 5000]);
});

test('a child that dies is started again, each time a little later', async () => {
  const { managed, events } = child(SERVE);
  await managed.start(1, never);
  for (const count of [2, 3]) {
    process.kill(events.pids.at(-1) ?? 0, 'SIGKILL');
    await until('the restart', () => events.pids.length === count);
  }
  expect(new Set(events.pids).size).toBe(3);
  expect(events.delays).toEqual([200, 400]);
  await managed.stop();
  expect(events.ends).toBe(3);
  expect(events.pids.map(processIdentity)).toEqual([undefined, undefined, undefined]);
});

test('a child that was stopped stays down', async () => {
  const { managed, events } = child(SERVE);
  await managed.start(1, never);
  await managed.stop();
  expect(events).toMatchObject({ delays: [], ends: 1 });
  expect(processIdentity(events.pids[0] ?? 0)).toBeUndefined();
});

test('a stop during the pause before a restart does not start it again', async () => {
  const { managed, events } = child(SERVE);
  await managed.start(1, never);
  process.kill(events.pids[0] ?? 0, 'SIGKILL');
  await until('the pause', () => events.delays.length === 1);
  await managed.stop();
  expect(events.pids).toHaveLength(1);
});

test('a child that does not end when asked to is killed when its time is over, a frozen one ends when asked', async () => {
  const deaf = child(`process.on('SIGTERM', () => {}); ${SERVE}`, [{ signal: 'SIGTERM', waitMs: 100 }]);
  await deaf.managed.start(1, never);
  await deaf.managed.stop();
  // It is not waited for: this test would not end.
  const frozen = child(SERVE, [{ signal: 'SIGTERM', waitMs: 3_600_000 }]);
  await frozen.managed.start(1, never);
  process.kill(frozen.events.pids[0] ?? 0, 'SIGSTOP');
  await frozen.managed.stop();
});

test('a first start that fails says with what last words, after as many tries as it has', async () => {
  const { managed, events } = child("console.error('keymoor: the credentials are bad'); process.exit(3)");
  await expect(managed.start(2, never)).rejects.toThrow(
    'worker ended before it was ready (exit code 3: the credentials are bad)',
  );
  expect(events.pids).toHaveLength(2);
});

test('a child that trips over its predecessor at the first try comes up at the next', async () => {
  const stumbled = join(folder, 'stumbled');
  writeFileSync(stumbled, '');
  const { managed, events } = child(
    `const fs = require('fs'); if (fs.existsSync('${stumbled}')) { fs.rmSync('${stumbled}'); process.exit(1); } ${SERVE}`,
  );
  await managed.start(5, never);
  expect(events.pids).toHaveLength(2);
  await managed.stop();
});

test('an interrupted start leaves no process behind', async () => {
  const { managed, events } = child('setInterval(() => {}, 1000)');
  const abort = new AbortController();
  const starting = managed.start(1, abort.signal);
  await until('the process', () => events.pids.length === 1);
  abort.abort(new Error('Ctrl-C'));
  await expect(starting).rejects.toThrow('Ctrl-C');
  expect(processIdentity(events.pids[0] ?? 0)).toBeUndefined();
});

test('a program that does not exist is an error', async () => {
  const managed = new ManagedChild(
    {
      name: 'api',
      file: join(folder, 'nothing'),
      args: [],
      env: {},
      cwd: folder,
      stop: [],
      isReady: () => Promise.resolve(false),
    },
    { onLine: () => undefined, onStart: () => undefined, onRestart: () => undefined, onEnd: () => undefined },
  );
  await expect(managed.start(1, never)).rejects.toThrow('ENOENT');
});

test('the output of a child arrives line by line', async () => {
  const { managed, events, ready } = child(`console.log('one\\ntwo'); console.error('three'); ${SERVE}`);
  await managed.start(1, never);
  await until('all lines', () => events.lines.length === 3);
  expect(events.lines.toSorted()).toEqual(['stderr: three', 'stdout: one', 'stdout: two']);
  expect(readFileSync(ready, 'utf8')).toBe('');
  await managed.stop();
});
