import { chmod, readFile, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { runCommand } from './run-command';
import type { PostgresBinaries } from './postgres-binaries';
import { StartError } from '../program';
import { errorMessage } from '../error-facts';

/**
 * As whom PostgreSQL runs. It refuses to run as root, and its `initdb` wants a user that is in the user database;
 * `spec/engines.md` shows what was tried.
 * - `ourselves`: an ordinary user needs nothing
 * - `namespace`: in a user namespace in which we look like another user; the files stay our own, so a folder
 *   that only its owner may enter will do
 * - `helper`: really as another user, who must be able to enter the folder
 */
export type PostgresIdentity =
  | { kind: 'ourselves' }
  | { kind: 'namespace'; uid: number; gid: number }
  | { kind: 'helper'; name: string; uid: number; gid: number };

interface UserEntry {
  name: string;
  uid: number;
  gid: number;
}

/** Unmapped files look like this user's in a namespace: not a good one to be. */
const OVERFLOW_UID = 65_534;
const PROBE_TIMEOUT_MS = 10_000;

/**
 * Chooses the first identity that works on this machine.
 * @param folder where the data are to be: the helper user must be able to enter it
 * @throws StartError with one line, where none works
 */
export async function choosePostgresIdentity(
  binaries: PostgresBinaries,
  folder: string,
  env: Readonly<Record<string, string>>,
): Promise<PostgresIdentity> {
  if (process.getuid?.() !== 0 && isKnown()) return { kind: 'ourselves' };
  const users = parseUsers(await readFile('/etc/passwd', 'utf8').catch(() => ''));
  const other =
    users.find(({ uid }) => uid !== 0 && uid !== OVERFLOW_UID) ?? users.find(({ uid }) => uid !== 0);
  const tried: string[] = [];
  if (other !== undefined && process.platform === 'linux') {
    const identity = { kind: 'namespace', uid: other.uid, gid: other.gid } as const;
    const problem = await probe(identity, binaries.postgres, ['--version'], env);
    if (problem === undefined) return identity;
    tried.push(`a user namespace (unshare: ${problem})`);
  }
  const helper = users.find(({ name }) => name === 'postgres') ?? users.find(({ name }) => name === 'nobody');
  if (helper !== undefined && process.getuid?.() === 0) {
    const identity = { kind: 'helper', ...helper } as const;
    await letPass(folder);
    const problem = await probe(
      identity,
      '/bin/sh',
      ['-c', 'cd "$1" && "$2" --version', 'sh', folder, binaries.postgres],
      env,
    );
    if (problem === undefined) return identity;
    tried.push(`the user ${helper.name} (${problem})`);
  }
  throw new StartError(
    `PostgreSQL does not run as this user, and neither as ${tried.join(' nor as ') || 'another'}; ` +
      'start Keymoor as an ordinary user, or set DATABASE_URL',
  );
}

/** Lets other users through a folder of ours, to what is theirs in it; they cannot list it. */
async function letPass(folder: string): Promise<void> {
  const { mode } = await stat(folder);
  const PASS = 0o011;
  if ((mode & PASS) !== PASS) await chmod(folder, (mode & 0o777) | PASS);
}

/** Wraps a command so that it runs under an identity. */
export function asPostgresIdentity(
  identity: PostgresIdentity,
  file: string,
  args: readonly string[],
): { file: string; args: readonly string[]; user?: { uid: number; gid: number } } {
  switch (identity.kind) {
    case 'ourselves':
      return { file, args };
    case 'namespace':
      return {
        file: 'unshare',
        args: [
          '--user',
          `--map-user=${String(identity.uid)}`,
          `--map-group=${String(identity.gid)}`,
          file,
          ...args,
        ],
      };
    case 'helper':
      return { file, args, user: { uid: identity.uid, gid: identity.gid } };
  }
}

/** Who owns the files of an identity on disk. */
export function fileOwner(identity: PostgresIdentity): { uid: number; gid: number } | undefined {
  if (identity.kind === 'helper') return { uid: identity.uid, gid: identity.gid };
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

/** The lines of `/etc/passwd`. */
export function parseUsers(passwd: string): UserEntry[] {
  return passwd.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    return name !== undefined && name !== '' && /^\d+$/.test(uid ?? '') && /^\d+$/.test(gid ?? '')
      ? [{ name, uid: Number(uid), gid: Number(gid) }]
      : [];
  });
}

/** Containers can run as a user id that no user has. */
function isKnown(): boolean {
  try {
    userInfo();
    return true;
  } catch {
    return false;
  }
}

async function probe(
  identity: PostgresIdentity,
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const wrapped = asPostgresIdentity(identity, file, args);
  try {
    await runCommand(wrapped.file, wrapped.args, {
      env,
      timeoutMs: PROBE_TIMEOUT_MS,
      ...(wrapped.user === undefined ? {} : { user: wrapped.user }),
    });
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}
