import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

/** When a log reaches this size it becomes `<name>.log.1`, and a new one begins: at most twice as much per process. */
const MAX_BYTES = 20 * 1024 * 1024;

/**
 * `logs/<process>.log`: JSON lines. A log that cannot be written (a full disk) must not end anything: lines are lost until it can be again.
 */
export class LogFile {
  private file: number | undefined;
  private bytes = 0;

  constructor(
    private readonly path: string,
    private readonly maxBytes = MAX_BYTES,
  ) {
    this.open();
  }

  write(line: string): void {
    const content = Buffer.from(`${line}\n`);
    try {
      if (this.bytes > 0 && this.bytes + content.length > this.maxBytes) this.rotate();
      if (this.file === undefined) this.open();
      if (this.file !== undefined) this.bytes += writeSync(this.file, content);
    } catch {
      // see above
    }
  }

  close(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }

  private open(): void {
    try {
      this.file = openSync(this.path, 'a', 0o600);
      this.bytes = fstatSync(this.file).size;
    } catch {
      this.file = undefined;
    }
  }

  private rotate(): void {
    this.close();
    try {
      renameSync(this.path, `${this.path}.1`);
    } catch {
      // Its folder was taken away, and is perhaps back: a log that cannot be put aside is none that cannot be written.
    }
    this.open();
  }
}
