import { readFile, stat } from 'node:fs/promises';
import type { Logger } from 'pino';

/** A file that is kept up with: what it holds now, or held when it was last good. */
export interface WatchedFile<T> {
  current(): T;
  /** Stops looking at the file. */
  close(): void;
}

/** A change of the file is in force within this and the time of reading it; the contract allows 2 s. */
export const POLL_MS = 500;

/** Stands for the stamp of a file that could not be read: unequal to every stamp of one that can. */
const UNREADABLE = 'unreadable';

/** What is in a file is no good: one line that says where and never repeats a value. */
export class InvalidFile extends Error {
  override readonly name: string = 'InvalidFile';
  /**
   * @param passing it may become good without being changed, as something that it names is missing: it is tried again
   * at each look
   */
  constructor(
    message: string,
    readonly passing = false,
  ) {
    super(message);
  }
}

/**
 * Opens a configuration file and keeps up with it: it is looked at again twice a second (not watched: watching misses
 * changes on network and container file systems), so that writing in place and replacing by rename both work. What
 * became unreadable or invalid leaves the last good one in force and logs an error.
 *
 * @param options.name what logs call it, for example `credentials file`
 * @param options.parse throws InvalidFile
 * @param options.alsoOf further files that what was read rests on: a change of one is a change of the file
 * @throws Error with one line, the reason, if there is no good file at the start
 */
export async function openWatchedFile<T>(options: {
  file: string;
  name: string;
  parse: (text: string) => T | Promise<T>;
  alsoOf?: (content: T) => readonly string[];
  logger: Logger;
  /** milliseconds between two looks; default 500 */
  everyMs?: number;
}): Promise<WatchedFile<T>> {
  const { file, name, parse, alsoOf = () => [], logger, everyMs = POLL_MS } = options;
  let stamp: string;
  let current: T;
  try {
    // The stamp is taken before reading: a change in between is seen at the next look.
    stamp = await stampOf(file);
    current = await parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new Error(reasonOf(error));
  }

  let closed = false;
  let complaint = '';
  // Of the files that it rests on nobody has taken a stamp before they were read: they are read once more.
  let restsOn: readonly string[] = [];
  const look = async (): Promise<void> => {
    let latest = UNREADABLE;
    try {
      const first = restsOn.length === 0 && alsoOf(current).length > 0;
      restsOn = alsoOf(current);
      latest = [await stampOf(file), ...(await Promise.all(restsOn.map(stampOrNone)))].join(' ');
      if (latest === stamp) return;
      current = await parse(await readFile(file, 'utf8'));
      complaint = '';
      if (!first) logger.info({ file }, `${name} read again`);
    } catch (error) {
      // An invalid text stays so until it is changed; whatever else kept us from reading may pass by itself.
      if (!(error instanceof InvalidFile) || error.passing) latest = UNREADABLE;
      const reason = reasonOf(error);
      if (latest === UNREADABLE && reason === complaint) return; // said already
      complaint = reason;
      logger.error({ file, reason }, `${name} cannot be used; the last good one stays in force`);
    }
    stamp = latest;
  };
  let timer: NodeJS.Timeout | undefined;
  const schedule = (): void => {
    timer = setTimeout(() => {
      void look().finally(() => {
        if (!closed) schedule();
      });
    }, everyMs).unref();
  };
  schedule();

  return {
    current: () => current,
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** What changes whenever the file does. */
async function stampOf(file: string): Promise<string> {
  const { mtimeNs, ctimeNs, size, ino } = await stat(file, { bigint: true });
  return `${mtimeNs}/${ctimeNs}/${size}/${ino}`;
}

/** Of a file that the main one names: what is wrong with it, its reader tells. */
function stampOrNone(file: string): Promise<string> {
  return stampOf(file).catch(() => 'none');
}

function reasonOf(error: unknown): string {
  if (error instanceof InvalidFile) return error.message;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not read it';
  if (code === 'EISDIR') return 'it is a folder';
  return code ?? 'it cannot be read';
}

/**
 * Parses a JSON file that people write.
 * @throws InvalidFile which says the line and never quotes the text
 */
export function parseJsonFile(text: string): unknown {
  try {
    // A byte order mark is what some editors write.
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    // The parser's own message quotes the text.
    const position = /position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
    const line = position === undefined ? undefined : text.slice(0, Number(position)).split('\n').length;
    throw new InvalidFile(`it is not JSON${line === undefined ? '' : ` (line ${line})`}`);
  }
}

/** Of a schema's issue. */
interface Issue {
  code?: string;
  message: string;
  path: readonly PropertyKey[];
}

/**
 * The error for a file that holds a list of entries and breaks its schema. Messages name the rule and never the value,
 * not even the names of unknown members: in a file of another shape they may be anything.
 *
 * @param known the members that an entry may have
 */
export function invalidEntries(issues: readonly Issue[], known: readonly string[]): InvalidFile {
  const lines = issues.slice(0, 3).map((issue) => {
    const message =
      issue.code === 'unrecognized_keys'
        ? `has an unknown member; known are ${known.join(', ')}`
        : issue.message;
    return `${where(issue.path)}${message}`;
  });
  return new InvalidFile(lines.join('; '));
}

function where(path: readonly PropertyKey[]): string {
  const [index, ...members] = path;
  if (typeof index !== 'number') return 'the file ';
  return `entry ${index + 1}${members.length === 0 ? '' : `, ${members.map(String).join('.')}`}: `;
}
