import { randomBytes } from 'node:crypto';
import type { Queryable } from '../database/database';
import { checkMasterKey, keyInForce } from '../database/queries/master-keys';
import { replaceMasterKey } from '../database/replace-master-key';
import { SecretBox } from '../database/secret-box';
import { parseMasterKey } from './environment/master-key';
import type { MasterKeyFiles } from './master-key-files';
import { oneLine } from './one-line';
import { StartError } from './program';

/** What a rotation works with. */
export interface Rotation {
  /** a connection of its own, without time limits on statements */
  session: Queryable;
  files: MasterKeyFiles;
  /** `KEYMOOR_MASTER_KEY_FILE` */
  keyFile: string;
  /** a key that the operator made; none: one is made beside `keyFile` */
  newKeyFile?: string;
}

/** What a rotation has done. */
export interface Rotated {
  /** of the key in force now */
  keyId: string;
  /** secrets sealed anew; none where an earlier rotation had come so far */
  secrets?: number;
  /** where the key before is kept; none where the file held the key in force already */
  oldKeyFile?: string;
}

/** Any number that no other program on the same database is likely to lock. */
const ROTATION_LOCK = '4580458100002';

/**
 * Replaces the master key: first the new key is in a file, then, in one transaction, all secrets are sealed with it, and
 * then its file takes the place of the old one, which is kept. Which of the files holds the key in force is told by the
 * database, so that a rotation that was cut off anywhere is finished by the next one.
 *
 * No key that something may be sealed with is ever removed, and none is used that an earlier rotation has used: without
 * `newKeyFile`, each makes its own, whatever is left of the one before.
 *
 * Throws StartError, whose message tells how things stand.
 */
export async function rotateMasterKey(rotation: Rotation): Promise<Rotated> {
  const { session, files, newKeyFile } = rotation;
  await lockRotation(session);
  const { keyFile, made } = placesOf(rotation);
  const { keyId } = existingKey(files, keyFile, 'KEYMOOR_MASTER_KEY_FILE').box;
  const given = newKeyFile === undefined ? undefined : existingKey(files, newKeyFile, '--new-key-file');
  const inForce = (await keyInForce(session))?.keyId ?? keyId;

  const finished = finish(rotation, inForce);
  // To end what was cut off is all that was asked for, unless it was begun with another key.
  if (given ? given.box.keyId === inForce : finished.oldKeyFile !== undefined) return finished;
  const current = existingKey(files, keyFile, 'KEYMOOR_MASTER_KEY_FILE');
  await checkMasterKey(session, current.box);
  if (given) refuseFormer(files, keyFile, given);
  const next = given ?? makeKey(rotation, current);
  const secrets = await replaceMasterKey(session, current.box, next.box).catch(async (error: unknown) => {
    // Known to be sealed with nothing, its file would be in the way. Without an answer of the database it stays.
    if (!given && (await isInForce(session, current))) files.remove(made);
    throw error;
  });
  return { ...finish(rotation, next.box.keyId), secrets };
}

/**
 * The last part of a rotation, where the transaction was made: puts the new key, whose id is in force, in the place of
 * the old one, and clears what is left. Where there is nothing to do, it does nothing. Throws StartError where no file
 * holds the key, or the place cannot be written.
 */
export function finish(rotation: Omit<Rotation, 'session'>, inForce: string): Rotated {
  const { files, newKeyFile } = rotation;
  const { keyFile, made } = placesOf(rotation);
  files.removeDrafts(keyFile);
  const current = readKey(files, keyFile);
  let oldKeyFile: string | undefined;
  if (current?.box.keyId !== inForce) {
    const others = newKeyFile === undefined ? [made] : [newKeyFile, made];
    const next = others.map((path) => readKey(files, path)).find((key) => key?.box.keyId === inForce);
    if (!current || !next) throw new StartError(noneOf([keyFile, ...others], inForce));
    try {
      oldKeyFile = keep(files, keyFile, current);
      files.write(keyFile, next.text, keyFile);
    } catch (error) {
      throw new StartError(
        `the secrets are sealed with the new master key in ${next.path} (id ${inForce}), but KEYMOOR_MASTER_KEY_FILE ` +
          `${keyFile} could not be replaced by it (${oneLine(error)}): put the content of ${next.path} there, keep the old ` +
          'key for old backups, and restart api and worker',
      );
    }
  }
  // The operator's own file is left to the operator.
  if (newKeyFile === undefined || files.real(newKeyFile) !== files.real(made))
    clear(files, keyFile, made, inForce);
  return { keyId: inForce, ...(oldKeyFile !== undefined && { oldKeyFile }) };
}

/** Removes the file of a new key: `inForce` is in its place already; any other may be in force in another database. */
function clear(files: MasterKeyFiles, keyFile: string, made: string, inForce: string): void {
  const left = readKey(files, made);
  if (!left) return;
  try {
    if (left.box.keyId !== inForce) keep(files, keyFile, left);
    files.remove(made);
  } catch (error) {
    throw new StartError(
      `${made}, which a rotation has left, cannot be put aside (${oneLine(error)}): move it away, and run the command again`,
    );
  }
}

/** Ends with the session, be it by a kill. */
async function lockRotation(session: Queryable): Promise<void> {
  const { rows } = await session.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [
    ROTATION_LOCK,
  ]);
  if (rows[0]?.locked !== true) {
    throw new StartError('another keymoor rotate-master-key is at work on this database; wait for its end');
  }
}

interface KeyInFile {
  path: string;
  text: string;
  box: SecretBox;
}

function readKey(files: MasterKeyFiles, path: string): KeyInFile | undefined {
  const text = files.read(path);
  if (text === undefined) return undefined;
  const key = parseMasterKey(text);
  if (!key) throw new StartError(`${path} does not hold 32 bytes in Base64`);
  return { path, text, box: new SecretBox(key) };
}

/** `name`: by which the operator knows the file */
function existingKey(files: MasterKeyFiles, path: string, name: string): KeyInFile {
  const key = readKey(files, path);
  if (!key) throw new StartError(`${name}: the file ${path} does not exist`);
  return key;
}

/** Beside the key file itself, not beside a link to it: there, a key lasts as long as the key file does. */
function placesOf({ files, keyFile: named }: Pick<Rotation, 'files' | 'keyFile'>): {
  keyFile: string;
  /** of the key that a rotation makes */
  made: string;
} {
  const keyFile = files.real(named);
  return { keyFile, made: `${keyFile}.new` };
}

function keptAs(keyFile: string, { box }: KeyInFile): string {
  return `${keyFile}.old-${box.keyId.slice(0, 8)}`;
}

/** Keeps a key beside the key file. Returns where. */
function keep(files: MasterKeyFiles, keyFile: string, key: KeyInFile): string {
  const path = keptAs(keyFile, key);
  files.write(path, key.text, keyFile);
  return path;
}

/** Who could read back-ups with a former key could read them anew. */
function refuseFormer(files: MasterKeyFiles, keyFile: string, given: KeyInFile): void {
  const kept = keptAs(keyFile, given);
  if (files.read(kept) === undefined) return;
  throw new StartError(
    `--new-key-file: ${given.path} holds the key of an earlier rotation (id ${given.box.keyId}), which is kept in ${kept}: ` +
      'make another with openssl rand -base64 32. Nothing was changed',
  );
}

/**
 * Makes the new key; it is in its file before anything is sealed with it. Before that the key file is replaced by itself:
 * one that is mounted, immutable or somebody else's cannot be, though its folder can be written. Found out later, the only
 * copy of the key in force would be in a folder that may not last.
 */
function makeKey(rotation: Rotation, current: KeyInFile): KeyInFile {
  const { files } = rotation;
  const { keyFile, made } = placesOf(rotation);
  try {
    files.write(keyFile, current.text, keyFile);
    files.write(made, `${randomBytes(32).toString('base64')}\n`, keyFile);
  } catch (error) {
    throw new StartError(
      `KEYMOOR_MASTER_KEY_FILE ${keyFile} cannot be replaced (${oneLine(error)}): make the new key where it lasts, with ` +
        'openssl rand -base64 32, and name it with --new-key-file. Nothing was changed',
    );
  }
  const key = readKey(files, made);
  if (!key) throw new StartError(`the new master key is not in ${made} any more. Nothing was changed`);
  return key;
}

async function isInForce(session: Queryable, { box }: KeyInFile): Promise<boolean> {
  const known = await keyInForce(session).catch(() => undefined);
  return known?.keyId === box.keyId;
}

function noneOf(paths: readonly string[], inForce: string): string {
  return (
    `the master key in force has the id ${inForce}, and neither ${paths.join(' nor ')} holds it: put it into ` +
    'KEYMOOR_MASTER_KEY_FILE (a backup, a file that an earlier rotation has left, or the one named with --new-key-file)'
  );
}
