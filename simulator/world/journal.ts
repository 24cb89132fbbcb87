import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';

/** One change: table, id, and the record as it is now, or null when it is gone. */
export type Change = [table: string, id: string, record: unknown];

const HEADER = '{"keymoorSimulator":1}\n';
/** Below this size rewriting is not worth it. */
const SMALLEST_REWRITE_BYTES = 8 * 1024 * 1024;

/**
 * The world on disk: one line of JSON per answered request, each a list of changes. A line is written in whole before
 * the answer leaves, by one write into the page cache: a killed process loses nothing that it answered, and a line
 * that was cut off by the kill belongs to a request that was not answered and is left out. (Loss of power may lose
 * the last seconds: it is a simulator.)
 */
export class Journal {
  private fd: number | undefined;
  private bytes = 0;
  private bytesAfterRewrite = 0;

  constructor(private readonly file: string) {}

  /** Reads what is there, change by change. The file is not open for writing before `rewrite`. */
  read(apply: (change: Change) => void): void {
    if (!existsSync(this.file)) return;
    const text = readFileSync(this.file, 'utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const lines = whole.split('\n');
    for (const [index, line] of lines.entries()) {
      if (line === '' || index === 0) continue;
      let changes: Change[];
      try {
        changes = JSON.parse(line) as Change[];
      } catch {
        throw new Error(
          `The simulator's state in ${this.file} is damaged in line ${index + 1}: delete the file to start anew.`,
        );
      }
      for (const change of changes) apply(change);
    }
  }

  /** Replaces the file by one that holds only these records: by renaming, so that there is always a whole one. */
  rewrite(records: Iterable<Change>): void {
    const temporary = `${this.file}.new`;
    const fd = openSync(temporary, 'w', 0o600);
    let bytes = 0;
    try {
      bytes += writeWhole(fd, HEADER);
      let lines: string[] = [];
      let length = 0;
      for (const record of records) {
        const line = `${JSON.stringify([record])}\n`;
        lines.push(line);
        length += line.length;
        if (length > 1_000_000) {
          bytes += writeWhole(fd, lines.join(''));
          lines = [];
          length = 0;
        }
      }
      bytes += writeWhole(fd, lines.join(''));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    renameSync(temporary, this.file);
    this.close();
    this.fd = fd;
    this.bytes = bytes;
    this.bytesAfterRewrite = bytes;
  }

  /** Adds one line; what could only be written in part (full disk) is taken back. */
  append(changes: Change[]): void {
    if (this.fd === undefined) throw new Error('The journal is closed.');
    try {
      this.bytes += writeWhole(this.fd, `${JSON.stringify(changes)}\n`, this.bytes);
    } catch (error) {
      ftruncateSync(this.fd, this.bytes);
      throw error;
    }
  }

  /** Whether most of the file is history. */
  get wantsRewrite(): boolean {
    return this.bytes > SMALLEST_REWRITE_BYTES && this.bytes > 4 * this.bytesAfterRewrite;
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
  }
}

/** Writes all of the text, at a place where one is given, and tells how many bytes that were. */
function writeWhole(fd: number, text: string, position?: number): number {
  const buffer = Buffer.from(text, 'utf8');
  let written = 0;
  while (written < buffer.length) {
    const at = position === undefined ? null : position + written;
    written += writeSync(fd, buffer, written, buffer.length - written, at);
  }
  return buffer.length;
}
