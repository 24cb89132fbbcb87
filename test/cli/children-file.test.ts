import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { processIdentity } from '../../cli/process-identity';
import { ChildrenFile, endOrphans } from '../../cli/supervisor/children-file';
import { temporaryFolder } from './folders';
import { until } from './waiting';

const folder = temporaryFolder();
const children: ChildProcess[] = [];

/** A process; `stubborn` ones do not end when asked to. Resolves once it listens to signals. */
async function startProcess(kind: 'obedient' | 'stubborn'): Promise<number> {
  const script = `${kind === 'stubborn' ? "process.on('SIGTERM', () => {});" : ''} console.log('up'); setInterval(() => {}, 1000)`;
  const child = spawn(process.execPath, ['-e', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  children.push(child);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child.pid ?? 0;
}

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

test('what a killed supervisor left running is ended, asked first and then made to', async () => {
  const path = join(folder, 'orphans.json');
  const file = new ChildrenFile(path);
  const [worker, api] = [await startProcess('stubborn'), await startProcess('obedient')];
  file.add('worker', worker);
  file.add('api', api);
  expect(await endOrphans(path)).toEqual(['worker', 'api']);
  expect(processIdentity(worker)).toBeUndefined();
  expect(processIdentity(api)).toBeUndefined();
  expect(existsSync(path)).toBe(false);
});

test('a frozen orphan is ended, too', async () => {
  const path = join(folder, 'frozen.json');
  const worker = await startProcess('obedient');
  new ChildrenFile(path).add('worker', worker);
  process.kill(worker, 'SIGSTOP');
  await endOrphans(path);
  expect(processIdentity(worker)).toBeUndefined();
});

test('frozen parts of PostgreSQL are ended, too', async () => {
  const path = join(folder, 'parts.json');
  // A part does not end with its parent, and has a group of its own.
  const part = "console.log(process.pid); process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)";
  const script = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(part)}], { stdio: 'inherit', detached: true })`;
  const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(parent);
  const pid = Number(await new Promise<Buffer>((resolve) => parent.stdout.once('data', resolve)));
  new ChildrenFile(path).add('postgres', parent.pid ?? 0);
  for (const one of [parent.pid ?? 0, pid]) process.kill(one, 'SIGSTOP');
  expect(await endOrphans(path)).toEqual(['postgres']);
  expect(processIdentity(parent.pid ?? 0)).toBeUndefined();
  expect(processIdentity(pid)).toBeUndefined();
});

test('a process that only got the pid of a former child is left alone', async () => {
  const path = join(folder, 'reused.json');
  const pid = await startProcess('obedient');
  writeFileSync(path, JSON.stringify([{ name: 'worker', pid, identity: 'of another process' }]));
  expect(await endOrphans(path)).toEqual([]);
  expect(processIdentity(pid)).toBeDefined();
});

test('a child that ended is no longer in the file; a broken or missing file means no orphans', async () => {
  const path = join(folder, 'ended.json');
  const file = new ChildrenFile(path);
  file.add('api', process.pid);
  file.remove('api');
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual([]);
  file.delete();
  expect(await endOrphans(path)).toEqual([]);
  writeFileSync(path, '[{"pid":');
  expect(await endOrphans(path)).toEqual([]);
});

test('a process that has ended, but was not yet waited for, counts as gone', async () => {
  // Its parent never looks, and keeps it a zombie. It ends when we say so: the shell, which looks, is another program by then.
  const script = 'cat <&3 & echo $!; exec "$0" -e "console.log(\'up\'); setInterval(() => {}, 1000)"';
  const shell = spawn('/bin/sh', ['-c', script, process.execPath], {
    stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
  });
  children.push(shell);
  let said = '';
  shell.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await until('the parent', () => said.includes('up'));
  (shell.stdio[3] as Writable).end();
  const pid = parseInt(said, 10);
  await until('the zombie to count as gone', () => processIdentity(pid) === undefined);
  expect(() => process.kill(pid, 0)).not.toThrow(); // it is still in the process table
});

const PYTHON = process.platform === 'linux' && spawnSync('python3', ['--version']).status === 0;

(PYTHON ? test : test.skip)(
  `a process whose first thread has ended while another goes on counts as there${PYTHON ? '' : ' (skipped: it needs Linux and python3)'}`,
  async () => {
    // exit(2) of the first thread alone, as in a process that is just being killed: its ports are still taken
    const program = [
      'import ctypes, platform, threading, time',
      'threading.Thread(target=time.sleep, args=(1000,)).start()',
      'ctypes.CDLL(None).syscall(93 if platform.machine() == "aarch64" else 60, 0)',
    ];
    const child = spawn('python3', ['-c', program.join('\n')], { stdio: 'ignore' });
    children.push(child);
    const pid = child.pid ?? 0;
    const state = (): string => readFileSync(`/proc/${String(pid)}/stat`, 'utf8').split(') ')[1]?.[0] ?? '';
    await until('the first thread to end', () => state() === 'Z');
    expect(processIdentity(pid)).toBeDefined();
    child.kill('SIGKILL');
    await until('the other one to end', () => processIdentity(pid) === undefined);
  },
);
