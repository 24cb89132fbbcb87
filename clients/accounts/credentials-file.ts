import { readFile, stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { InvalidCredentials, parseCredentials } from './credential';
import type { Credential } from './credential';

export type { Credential } from './credential';

/** The accounts that this deployment serves. */
export interface Credentials {
  /** The pair with this access key id. */
  find(accessKeyId: string): Credential | undefined;
  /** The role to assume for AWS calls on behalf of an account; undefined = the SDK's default chain. */
  roleArnOf(accountId: string): string | undefined;
  /** Stops watching the file. */
  close(): void;
}

/** A change of the file is in force within this and the time of reading it; the contract allows 2 s. */
const POLL_MS = 500;

/** Stands for the stamp of a file that could not be read: unequal to every stamp of one that can. */
const UNREADABLE = 'unreadable';

/**
 * Opens `KEYMOOR_CREDENTIALS_FILE` and keeps up with it: it is looked at again twice a second (not watched: watching
 * misses changes on network and container file systems), so that writing in place and replacing by rename both work.
 * What became unreadable or invalid leaves the last good one in force and logs an error.
 *
 * Without a file, in `dev`, there are built-in pairs: `test`/`test`, and for every 12-digit access key id the secret
 * `test`.
 *
 * @throws Error with one line for the operator if there is no good file at the start
 */
export async function openCredentials(options: {
  file?: string;
  dev: boolean;
  logger: Logger;
}): Promise<Credentials> {
  const { file, dev, logger } = options;
  if (file === undefined) {
    if (dev) return builtIn();
    throw new Error(
      'KEYMOOR_CREDENTIALS_FILE is not set: name a JSON file with the accounts that may call, for example /etc/keymoor/credentials.json',
    );
  }

  let stamp: string;
  let current: Index;
  try {
    // The stamp is taken before reading: a change in between is seen at the next look.
    stamp = await stampOf(file);
    current = indexOf(parseCredentials(await readFile(file, 'utf8')));
  } catch (error) {
    throw new Error(
      `KEYMOOR_CREDENTIALS_FILE: ${file} cannot be used: ${reasonOf(error)}; example: KEYMOOR_CREDENTIALS_FILE=/etc/keymoor/credentials.json`,
    );
  }

  let closed = false;
  let complaint = '';
  const look = async (): Promise<void> => {
    let latest = UNREADABLE;
    try {
      latest = await stampOf(file);
      if (latest === stamp) return;
      current = indexOf(parseCredentials(await readFile(file, 'utf8')));
      complaint = '';
      logger.info({ file, entries: current.byKey.size }, 'credentials file read again');
    } catch (error) {
      // An invalid text stays so until it is changed; whatever else kept us from reading may pass by itself.
      if (!(error instanceof InvalidCredentials)) latest = UNREADABLE;
      const reason = reasonOf(error);
      if (latest === UNREADABLE && reason === complaint) return; // said already
      complaint = reason;
      logger.error({ file, reason }, 'credentials file cannot be used; the last good one stays in force');
    }
    stamp = latest;
  };
  let timer: NodeJS.Timeout | undefined;
  const schedule = (): void => {
    timer = setTimeout(() => {
      void look().finally(() => {
        if (!closed) schedule();
      });
    }, POLL_MS).unref();
  };
  schedule();

  return {
    find: (accessKeyId) => current.byKey.get(accessKeyId),
    roleArnOf: (accountId) => current.roles.get(accountId),
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

interface Index {
  byKey: ReadonlyMap<string, Credential>;
  roles: ReadonlyMap<string, string>;
}

function indexOf(credentials: readonly Credential[]): Index {
  return {
    byKey: new Map(credentials.map((credential) => [credential.accessKeyId, credential])),
    roles: new Map(
      credentials.flatMap(({ accountId, roleArn }) =>
        roleArn === undefined ? [] : [[accountId, roleArn] as const],
      ),
    ),
  };
}

/** What changes whenever the file does. */
async function stampOf(file: string): Promise<string> {
  const { mtimeNs, ctimeNs, size, ino } = await stat(file, { bigint: true });
  return `${mtimeNs}/${ctimeNs}/${size}/${ino}`;
}

function reasonOf(error: unknown): string {
  if (error instanceof InvalidCredentials) return error.message;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not read it';
  if (code === 'EISDIR') return 'it is a folder';
  return code ?? 'it cannot be read';
}

/** The pairs of `dev`: an account per test for nothing. */
function builtIn(): Credentials {
  return {
    find(accessKeyId) {
      const accountId =
        accessKeyId === 'test' ? '000000000000' : /^\d{12}$/.test(accessKeyId) ? accessKeyId : undefined;
      if (accountId === undefined) return undefined;
      return {
        accessKeyId,
        secretAccessKey: 'test',
        accountId,
        principalArn: `arn:aws:iam::${accountId}:user/test`,
        allow: ['kms:*'],
      };
    },
    roleArnOf: () => undefined,
    close: () => undefined,
  };
}
