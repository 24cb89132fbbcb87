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
 * Throws StartError, whose message tells how things stand.
 */
export async function rotateMasterKey(rotation: Rotation): Promise<Rotated> {
  const { session, keyFile } = rotation;
  await lockRotation(session);
  const current = readKey(rotation, keyFile);
  if (!current) throw new StartError(`KEYMOOR_MASTER_KEY_FILE: the file ${keyFile} does not exist`);
  const ready = readKey(rotation, newKeyFileOf(rotation));
  if (rotation.newKeyFile !== undefined && !ready) {
    throw new StartError(`--new-key-file: the file ${rotation.newKeyFile} does not exist`);
  }
  const inForce = (await keyInForce(session))?.keyId ?? current.box.keyId;

  if (ready?.box.keyId === inForce) return finish(rotation, inForce);
  if (current.box.keyId !== inForce) throw new StartError(neither(rotation, inForce));
  await checkMasterKey(session, current.box);
  const next = ready ?? makeKey(rotation);
  const secrets = await replaceMasterKey(session, current.box, next.box);
  return { ...finish(rotation, next.box.keyId), secrets };
}

/**
 * The last part of a rotation, where the transaction was made: puts the new key, whose id is in force, in the place of
 * the old one. Throws StartError where no file holds it, or the place cannot be written.
 */
export function finish(rotation: Omit<Rotation, 'session'>, inForce: string): Rotated {
  const { files, keyFile } = rotation;
  const newKeyFile = newKeyFileOf(rotation);
  const current = readKey(rotation, keyFile);
  const next = readKey(rotation, newKeyFile);
  let oldKeyFile: string | undefined;
  if (current?.box.keyId !== inForce) {
    if (!current || next?.box.keyId !== inForce) throw new StartError(neither(rotation, inForce));
    try {
      oldKeyFile = `${keyFile}.old-${current.box.keyId.slice(0, 8)}`;
      files.write(oldKeyFile, current.text, keyFile);
      files.write(keyFile, next.text, keyFile);
    } catch (error) {
      throw new StartError(
        `the secrets are sealed with the new master key in ${newKeyFile} (id ${inForce}), but KEYMOOR_MASTER_KEY_FILE ` +
          `${keyFile} could not be replaced by it (${oneLine(error)}): put the content of ${newKeyFile} there, keep the old ` +
          'key for old backups, and restart api and worker',
      );
    }
  }
  // The operator's own file is left to the operator.
  if (rotation.newKeyFile === undefined && next?.box.keyId === inForce) files.remove(newKeyFile);
  return { keyId: inForce, ...(oldKeyFile !== undefined && { oldKeyFile }) };
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
  text: string;
  box: SecretBox;
}

function readKey({ files }: Pick<Rotation, 'files'>, path: string): KeyInFile | undefined {
  const text = files.read(path);
  if (text === undefined) return undefined;
  const key = parseMasterKey(text);
  if (!key) throw new StartError(`${path} does not hold 32 bytes in Base64`);
  return { text, box: new SecretBox(key) };
}

function newKeyFileOf({ keyFile, newKeyFile }: Pick<Rotation, 'keyFile' | 'newKeyFile'>): string {
  return newKeyFile ?? `${keyFile}.new`;
}

/** Makes the new key; it is in its file before anything is sealed with it. */
function makeKey(rotation: Rotation): KeyInFile {
  const path = newKeyFileOf(rotation);
  try {
    rotation.files.write(path, `${randomBytes(32).toString('base64')}\n`, rotation.keyFile);
  } catch (error) {
    throw new StartError(
      `the new master key cannot be written to ${path} (${oneLine(error)}): make it elsewhere with openssl rand -base64 32, ` +
        'and name it with --new-key-file. Nothing was changed',
    );
  }
  const made = readKey(rotation, path);
  if (!made) throw new StartError(`the new master key is not in ${path} any more. Nothing was changed`);
  return made;
}

function neither(rotation: Pick<Rotation, 'keyFile' | 'newKeyFile'>, inForce: string): string {
  return (
    `the master key in force has the id ${inForce}, and neither ${rotation.keyFile} nor ${newKeyFileOf(rotation)} ` +
    'holds it: put it into KEYMOOR_MASTER_KEY_FILE (a backup, or a file that an earlier rotation has left)'
  );
}
