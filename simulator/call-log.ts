import { appendFile, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from 'pino';

/** So many calls are remembered. */
const CALLS = 5_000;
const FLUSH_INTERVAL_MS = 100;

/** One call that reached the simulator. Never holds a password. */
export interface LoggedCall {
  /** ISO 8601 UTC */
  at: string;
  service: string;
  operation: string;
  accountId: string;
  /** the request's members by their API names */
  parameters: unknown;
  /**
   * `ok`, the code of the error that was answered, or what a fault made of it: `held` (so far), `hang`, `reset`,
   * `lost-reply` (the work was done). `pending` while it is worked on.
   */
  outcome: string;
}

/**
 * The last calls, for tests to look at. Kept over a restart; a kill may lose those of the last tenth of a second,
 * which change nothing in the world.
 */
export class CallLog {
  private calls: LoggedCall[] = [];
  private unwritten: LoggedCall[] = [];
  private linesInFile = 0;
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();
  private readonly file: string;

  constructor(
    stateDir: string,
    private readonly logger: Logger,
  ) {
    this.file = path.join(stateDir, 'calls.jsonl');
  }

  async open(): Promise<void> {
    const text = await readFile(this.file, 'utf8').catch(() => '');
    const lines = text.split('\n').filter((line) => line !== '');
    for (const line of lines.slice(-CALLS)) {
      try {
        this.calls.push(JSON.parse(line) as LoggedCall);
      } catch {
        // cut off by a kill
      }
    }
    await this.rewrite();
  }

  /** Notes a call as it arrives; `finish` tells its outcome. */
  begin(service: string, operation: string, accountId: string, parameters: unknown): LoggedCall {
    const call: LoggedCall = {
      at: new Date().toISOString(),
      service,
      operation,
      accountId,
      parameters,
      outcome: 'pending',
    };
    this.calls.push(call);
    if (this.calls.length > CALLS + 500) this.calls = this.calls.slice(-CALLS);
    return call;
  }

  finish(call: LoggedCall, outcome: string): void {
    call.outcome = outcome;
    this.unwritten.push(call);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.writing = this.writing.then(() => this.flush());
    }, FLUSH_INTERVAL_MS).unref();
  }

  /** Newest last. */
  list(filter: { service?: string | undefined; operation?: string | undefined }): LoggedCall[] {
    return this.calls
      .filter((call) => filter.service === undefined || call.service === filter.service)
      .filter((call) => filter.operation === undefined || call.operation === filter.operation)
      .slice(-CALLS);
  }

  async reset(): Promise<void> {
    this.calls = [];
    this.unwritten = [];
    this.writing = this.writing.then(() => this.rewrite());
    await this.writing;
  }

  async close(): Promise<void> {
    clearTimeout(this.timer);
    this.writing = this.writing.then(() => this.flush());
    await this.writing;
  }

  private async flush(): Promise<void> {
    const lines = this.unwritten.map((call) => `${JSON.stringify(call)}\n`);
    this.unwritten = [];
    if (lines.length === 0) return;
    try {
      await appendFile(this.file, lines.join(''), { mode: 0o600 });
      this.linesInFile += lines.length;
      if (this.linesInFile > 4 * CALLS) await this.rewrite();
    } catch (error) {
      this.logger.warn({ err: error }, 'the list of calls could not be written');
    }
  }

  private async rewrite(): Promise<void> {
    const done = this.calls.filter((call) => call.outcome !== 'pending').slice(-CALLS);
    const temporary = `${this.file}.new`;
    await writeFile(temporary, done.map((call) => `${JSON.stringify(call)}\n`).join(''), { mode: 0o600 });
    await rename(temporary, this.file);
    this.linesInFile = done.length;
  }
}
