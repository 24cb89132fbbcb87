import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ownLine, postgresLine, temporalLine } from '../../cli/supervisor/engine-log';
import { LogFile } from '../../cli/supervisor/log-file';
import { Logs } from '../../cli/supervisor/logs';
import type { LogsOptions } from '../../cli/supervisor/logs';
import { temporaryFolder } from './folders';

const folder = temporaryFolder();

test.each([
  ['LOG:  checkpoint starting: time', 30, 'checkpoint starting: time'],
  ['WARNING:  there is no transaction in progress', 40, 'there is no transaction in progress'],
  [
    'ERROR:  duplicate key value violates unique constraint "a"',
    30,
    'duplicate key value violates unique constraint "a"',
  ],
  ['FATAL:  could not open file "x"', 40, 'could not open file "x"'],
  ['FATAL:  the database system is starting up', 30, 'the database system is starting up'],
  [
    'FATAL:  terminating connection due to administrator command',
    30,
    'terminating connection due to administrator command',
  ],
  ['PANIC:  could not write to file', 60, 'could not write to file'],
  ['something else', 30, 'something else'],
])('PostgreSQL’s line %j has level %d', (line, level, msg) => {
  expect(postgresLine(line, 1)).toMatchObject({ level, msg, time: 1, name: 'postgres' });
});

test('Temporal’s JSON keeps its fields and gets our level; its greeting is information', () => {
  const line = '{"level":"error","ts":"2026-11-22T00:00:00Z","msg":"no","shard-id":1}';
  expect(temporalLine(line, 1)).toEqual({ level: 50, time: 1, name: 'temporal', msg: 'no', 'shard-id': 1 });
  expect(temporalLine('Temporal Server: localhost', 1)).toMatchObject({
    level: 30,
    msg: 'Temporal Server: localhost',
  });
});

test('a line of our own log stays as it is; anything else is wrapped', () => {
  const line = '{"level":40,"time":5,"name":"api","msg":"slow","ms":3}';
  expect(ownLine('api', 'stdout', line, 9)).toEqual({ level: 40, time: 5, name: 'api', msg: 'slow', ms: 3 });
  expect(ownLine('api', 'stderr', 'at main.js:1', 9)).toEqual({
    level: 40,
    time: 9,
    name: 'api',
    msg: 'at main.js:1',
  });
  expect(ownLine('api', 'stdout', '{"level":"x"}', 9)).toMatchObject({ level: 30, msg: '{"level":"x"}' });
});

test('a log that grows too large begins anew, and the one before is kept', () => {
  const path = join(folder, 'small.log');
  const file = new LogFile(path, 20);
  for (const line of ['first line', 'second line', 'third']) file.write(line);
  file.close();
  expect(readFileSync(`${path}.1`, 'utf8')).toBe('first line\n');
  expect(readFileSync(path, 'utf8')).toBe('second line\nthird\n');
});

test('a log that cannot be written does not throw', () => {
  const file = new LogFile(join(folder, 'no', 'such', 'folder.log'));
  expect(() => {
    file.write('lost');
  }).not.toThrow();
});

const onLinux = process.platform === 'linux' ? test : test.skip;
onLinux('a log on a full disk loses its lines, and neither throws nor stays lost', () => {
  const path = join(folder, 'full.log');
  symlinkSync('/dev/full', path);
  const file = new LogFile(path);
  file.write('lost');
  file.close();
  rmSync(path); // there is room again
  file.write('kept');
  file.close();
  expect(readFileSync(path, 'utf8')).toBe('kept\n');
});

test('a log whose folder was taken away when it was to begin anew goes on when the folder is back', () => {
  const place = join(folder, 'taken-away');
  mkdirSync(place);
  const file = new LogFile(join(place, 'small.log'), 20);
  file.write('a line of some length');
  rmSync(place, { recursive: true });
  file.write('lost');
  mkdirSync(place);
  file.write('kept');
  file.close();
  expect(readFileSync(join(place, 'small.log'), 'utf8')).toBe('kept\n');
});

function logs(level: LogsOptions['level'], name: string) {
  const shown: string[] = [];
  const console = { write: (text: string) => shown.push(text) };
  return { logs: new Logs({ folder: join(folder), level, console }), shown, name };
}

test('the console shows the process and what is severe enough; files hold every line as JSON', () => {
  const { logs: sut, shown } = logs('info', 'a');
  const api = sut.listener('api');
  api('stdout', '{"level":20,"time":1,"name":"api","msg":"fine point"}');
  api('stdout', '{"level":30,"time":1,"name":"api","msg":"listening"}');
  const postgres = sut.listener('postgres');
  postgres('stderr', 'LOG:  checkpoint complete');
  postgres('stderr', 'WARNING:  beware');
  sut.close();
  expect(shown).toHaveLength(2);
  expect(shown[0]).toMatch(/^api {8}\| .*INFO.*listening\n$/);
  expect(shown[1]).toMatch(/^postgres {3}\| .*WARN.*beware\n$/);
  const lines = readFileSync(join(folder, 'postgres.log'), 'utf8').trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
    'checkpoint complete',
    'beware',
  ]);
});

test('while a child starts, its raw words go to the file alone', () => {
  const { logs: sut, shown } = logs('info', 'b');
  const worker = sut.listener('worker');
  sut.hush('worker', true);
  worker('stderr', 'keymoor: bad settings');
  worker('stdout', '{"level":40,"time":1,"name":"worker","msg":"a log line"}');
  sut.hush('worker', false);
  worker('stderr', 'a stack trace');
  sut.close();
  expect(shown).toHaveLength(2);
  expect(shown.join('')).not.toContain('bad settings');
  expect(readFileSync(join(folder, 'worker.log'), 'utf8')).toContain('bad settings');
});

test('silent shows nothing and still writes', () => {
  const { logs: sut, shown } = logs('silent', 'c');
  sut.listener('simulator')('stdout', '{"level":60,"time":1,"name":"simulator","msg":"dead"}');
  sut.close();
  expect(shown).toEqual([]);
  expect(existsSync(join(folder, 'simulator.log'))).toBe(true);
});
