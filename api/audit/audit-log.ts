import { closeSync, openSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import type { Logger } from 'pino';
import type { AuditRecord } from './audit-record';

/** Where the record of each call of the KMS endpoint goes. */
export interface AuditLog {
  /** Never throws, never waits. */
  write(record: AuditRecord): void;
  /** Opens the file anew, after somebody has moved it away. */
  reopen(): void;
  /** Writes what is left and closes, and logs how many lines were lost; gives up on a disk that is full or hangs. */
  close(): Promise<void>;
}

/** Lines that wait for a slow disk: some thousands. Past it lines are lost, which is told in the log. */
const MOST_WAITING_BYTES = 8 * 1024 * 1024;
const CLOSE_WITHIN_MS = 2_000;
/** After a failed write, also where no further call comes. */
const RETRY_AFTER_MS = 1_000;
const LOST = 'lines of the audit log were lost';
/** A disk that is full fails with every line: told once in this time. */
const TELL_EVERY_MS = 60_000;

/**
 * Opens the audit log: JSON lines, appended as a whole, so that several processes can share the file (only a disk that
 * becomes full within a write may tear one); mode 0600. A write that fails later is logged, and fails no call: lines
 * are kept as long as there is room, and lost then.
 * @throws Error with one line where the file cannot be opened
 */
export function openAuditLog(file: string, logger: Logger): AuditLog {
  // At once, so that a wrong path ends the start; what writes opens it again by itself.
  try {
    closeSync(openSync(file, 'a', 0o600));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new Error(
      `KEYMOOR_AUDIT_FILE: ${file} cannot be written (${code}); name a file in a folder that may be written to, or off`,
    );
  }
  const destination = pino.destination({ dest: file, append: true, mode: 0o600, sync: false });
  // Bytes, since the start. `ends`: where each line ends that is not written as a whole, so that these can be counted.
  let handedOver = 0;
  let written = 0;
  const ends: number[] = [];
  let lost = 0;
  let toldAt = 0;
  const tell = (reason: string): void => {
    if (Date.now() - toldAt < TELL_EVERY_MS) return;
    toldAt = Date.now();
    logger.error({ file, reason, lost }, 'the audit log cannot be written');
  };
  let closed = false;
  let failing = false;
  destination.on('error', (error: Error) => {
    failing = true;
    tell(error.message);
    // Nothing new: what is there is tried again.
    setTimeout(() => !closed && destination.write(''), RETRY_AFTER_MS).unref();
  });
  destination.on('write', (bytes: number) => {
    failing = false;
    written += bytes;
    const waiting = ends.findIndex((end) => end > written);
    ends.splice(0, waiting < 0 ? ends.length : waiting);
  });
  // pino calls it when the process ends, and it tries a full disk for ever.
  const flush = destination.flushSync.bind(destination);
  destination.flushSync = () => {
    if (!failing) flush();
  };
  return {
    write(record) {
      // A call whose connection was cut may end after the close.
      if (closed) {
        logger.error({ file, lost: 1 }, LOST);
        return;
      }
      const line = `${JSON.stringify(record)}\n`;
      const end = handedOver + Buffer.byteLength(line);
      if (end - written > MOST_WAITING_BYTES) {
        lost += 1;
        tell('too many lines wait for the disk');
        return;
      }
      handedOver = end;
      ends.push(end);
      destination.write(line);
    },
    reopen() {
      if (!closed) destination.reopen();
    },
    async close() {
      const ended = new Promise((resolve) => destination.once('close', resolve).once('error', resolve));
      closed = true;
      destination.end();
      await Promise.race([ended, pause(CLOSE_WITHIN_MS, undefined, { ref: false })]);
      lost += ends.length;
      if (lost > 0) logger.error({ file, lost }, LOST);
    },
  };
}
