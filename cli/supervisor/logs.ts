import { join } from 'node:path';
import { prettyFactory } from 'pino-pretty';
import type { OutputListener, ProcessName } from '../program';
import { LEVELS, ownLine, postgresLine, temporalLine } from './engine-log';
import type { LogLine } from './engine-log';
import { LogFile } from './log-file';

export type LogName = ProcessName | 'supervisor';

export interface LogsOptions {
  folder: string;
  /** least level on the console; files get every line that comes */
  level: keyof typeof LEVELS | 'silent';
  /** where the console is; colour where it is a terminal */
  console: { write(text: string): unknown; isTTY?: boolean };
}

const NAME_WIDTH = 'supervisor'.length;
/** What every line has, or what the console shows elsewhere. */
const HIDDEN = 'pid,hostname,name,severity';

/**
 * The logs of all processes: JSON lines in a file each, and readable on the console with the process's name in front.
 * Engines are heard on the console from `warn` on.
 */
export class Logs {
  private readonly files = new Map<LogName, LogFile>();
  private readonly pretty: (line: object) => string;
  private readonly quiet = new Set<LogName>();

  constructor(private readonly options: LogsOptions) {
    this.pretty = prettyFactory({
      colorize: options.console.isTTY === true,
      translateTime: 'SYS:HH:MM:ss',
      ignore: HIDDEN,
      singleLine: true,
    }) as (line: object) => string;
  }

  /** For the output of a child. */
  listener(name: ProcessName): OutputListener {
    return (stream, line) => {
      const now = Date.now();
      const hushed = this.quiet.has(name);
      if (name === 'postgres') this.write(name, postgresLine(line, now), hushed ? Infinity : LEVELS.warn);
      else if (name === 'temporal')
        this.write(name, temporalLine(line, now), hushed ? Infinity : LEVELS.warn);
      else {
        const parsed = ownLine(name, stream, line, now);
        this.write(name, parsed, hushed && parsed.msg === line ? Infinity : 0);
      }
    };
  }

  /**
   * While a child starts, what it says outside of a log of ours goes to the file alone: should it fail, its last words are in
   * the one line that tells so.
   */
  hush(name: LogName, hushed: boolean): void {
    if (hushed) this.quiet.add(name);
    else this.quiet.delete(name);
  }

  /** For the supervisor's own logger. */
  readonly supervisor = {
    write: (line: string): void => {
      const parsed = ownLine('supervisor', 'stdout', line.trimEnd(), Date.now());
      this.write('supervisor', parsed, this.quiet.has('supervisor') ? Infinity : 0);
    },
  };

  close(): void {
    for (const file of this.files.values()) file.close();
  }

  private write(name: LogName, line: LogLine, consoleLevel: number): void {
    this.file(name).write(JSON.stringify(line));
    const { level, console } = this.options;
    const least = Math.max(level === 'silent' ? Infinity : LEVELS[level], consoleLevel);
    if (line.level >= least) console.write(`${name.padEnd(NAME_WIDTH)} | ${this.pretty(line)}`);
  }

  private file(name: LogName): LogFile {
    let file = this.files.get(name);
    if (file === undefined) {
      file = new LogFile(join(this.options.folder, `${name}.log`));
      this.files.set(name, file);
    }
    return file;
  }
}
