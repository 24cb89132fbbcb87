import type { Logger } from 'pino';
import { openWatchedFile } from '../watched-file';
import { parseCredentials } from './credential';
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

/**
 * Opens `KEYMOOR_CREDENTIALS_FILE` and keeps up with it (`openWatchedFile`).
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
  const parse = (text: string): Index => indexOf(parseCredentials(text));
  const watched = await openWatchedFile({ file, name: 'credentials file', parse, logger }).catch(
    (error: Error) => {
      throw new Error(
        `KEYMOOR_CREDENTIALS_FILE: ${file} cannot be used: ${error.message}; example: KEYMOOR_CREDENTIALS_FILE=/etc/keymoor/credentials.json`,
      );
    },
  );
  return {
    find: (accessKeyId) => watched.current().byKey.get(accessKeyId),
    roleArnOf: (accountId) => watched.current().roles.get(accountId),
    close: () => watched.close(),
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
