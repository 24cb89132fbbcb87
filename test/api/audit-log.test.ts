import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Logger } from 'pino';
import pino from 'pino';
import { openAuditLog } from '../../api/audit/audit-log';
import type { AuditRecord } from '../../api/audit/audit-record';
import { eventually } from '../harness/eventually';

const folder = mkdtempSync(join(tmpdir(), 'keymoor-audit-log-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A device that takes nothing: ENOSPC on every write. Linux alone has it, and no other full disk is to be had without root. */
const FULL = '/dev/full';
const itWithFullDisk = existsSync(FULL) ? it : it.skip;

const CANNOT_BE_WRITTEN = 'the audit log cannot be written';
const WERE_LOST = 'lines of the audit log were lost';

interface Told {
  msg: string;
  lost?: number;
}

function tellingLogger(): { told: Told[]; logger: Logger } {
  const told: Told[] = [];
  return { told, logger: pino({}, { write: (line) => void told.push(JSON.parse(line) as Told) }) };
}

const MEGABYTE = 1_000_000;

/** In bytes, two each character. */
function record(size = 20): AuditRecord {
  return { requestID: 'ü'.repeat(size / 2) } as AuditRecord;
}

function lineCount(file: string): number {
  return readFileSync(file, 'utf8').split('\n').length - 1;
}

it('the close writes what waits, and tells of no loss', async () => {
  const file = join(folder, 'good.log');
  const { told, logger } = tellingLogger();
  const audit = openAuditLog(file, logger);
  for (let count = 0; count < 100; count += 1) audit.write(record(1_000));
  await audit.close();
  expect(lineCount(file)).toBe(100);
  expect(told).toEqual([]);
});

it('what has been written takes no room', async () => {
  const file = join(folder, 'large.log');
  const { told, logger } = tellingLogger();
  const audit = openAuditLog(file, logger);
  for (let count = 1; count <= 12; count += 1) {
    audit.write(record(MEGABYTE));
    await eventually(
      () => Promise.resolve(lineCount(file)),
      (lines) => lines === count,
    );
  }
  await audit.close();
  expect(told).toEqual([]);
});

itWithFullDisk('a full disk fails no call: lines wait while there is room, which is told once', async () => {
  const { told, logger } = tellingLogger();
  const audit = openAuditLog(FULL, logger);
  for (let count = 0; count < 8; count += 1) audit.write(record(MEGABYTE));
  expect(told).toEqual([]);
  for (let count = 0; count < 4; count += 1) audit.write(record(MEGABYTE));
  expect(told).toMatchObject([{ msg: CANNOT_BE_WRITTEN, lost: 1 }]);
  await audit.close();
  expect(told.slice(1)).toMatchObject([{ msg: WERE_LOST, lost: 12 }]);
});

itWithFullDisk('lines that still wait for a full disk at the close are counted as lost', async () => {
  const { told, logger } = tellingLogger();
  const audit = openAuditLog(FULL, logger);
  for (let count = 0; count < 3; count += 1) audit.write(record());
  await audit.close();
  expect(told.at(-1)).toMatchObject({ msg: WERE_LOST, lost: 3 });
});

itWithFullDisk('lines that were written before the disk was full are not among the lost', async () => {
  const { told, logger } = tellingLogger();
  const good = join(folder, 'before.log');
  const file = join(folder, 'link.log');
  symlinkSync(good, file);
  const audit = openAuditLog(file, logger);
  for (let count = 0; count < 5; count += 1) audit.write(record());
  await eventually(
    () => Promise.resolve(lineCount(good)),
    (lines) => lines === 5,
  );
  rmSync(file);
  symlinkSync(FULL, file);
  audit.reopen();
  for (let count = 0; count < 2; count += 1) audit.write(record());
  await audit.close();
  expect(told.at(-1)).toMatchObject({ msg: WERE_LOST, lost: 2 });
});

it('a line that comes after the close is told as lost', async () => {
  const { told, logger } = tellingLogger();
  const audit = openAuditLog(join(folder, 'closed.log'), logger);
  await audit.close();
  audit.write(record());
  expect(told).toMatchObject([{ msg: WERE_LOST, lost: 1 }]);
});

/** A program of its own that writes to a full disk; `ending` is how it ends. */
function programWithFullDisk(ending: string): string {
  const built = (path: string): string => JSON.stringify(join(__dirname, '../../dist', path));
  return `
    const { openAuditLog } = require(${built('api/audit/audit-log.js')});
    const failed = new Promise((resolve) => (globalThis.failed = resolve));
    const audit = openAuditLog(${JSON.stringify(FULL)}, { error: () => globalThis.failed() });
    audit.write({});
    ${ending}`;
}

itWithFullDisk.each([
  ['after the close', 'audit.close().then(() => process.exit(7));'],
  ['without a close', 'failed.then(() => process.exit(7));'],
])('a full disk does not keep the process from ending %s', async (_when, ending) => {
  const ended = promisify(execFile)(process.execPath, ['-e', programWithFullDisk(ending)], {
    // Ends what hangs.
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  await expect(ended).rejects.toMatchObject({ code: 7 });
});
