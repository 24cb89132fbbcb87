import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, whyNoFolder } from '../make-folder';
import { StartError } from '../program';
import { writeAtomically } from './write-atomically';

/** Where everything of an embedded Keymoor is: `KEYMOOR_HOME`. */
export interface Home {
  folder: string;
  /** supervisor's pid: see `home-lock.ts` */
  lockFile: string;
  /** what runs: see `children-file.ts` */
  childrenFile: string;
  /** kept ports: see `ports.ts` */
  portsFile: string;
  /** for others: see `endpoints-file.ts` */
  endpointsFile: string;
  masterKeyFile: string;
  logs: string;
  postgres: string;
  temporal: string;
}

/** A block of most file systems: what must fit for anything to work. */
const PROBE_BYTES = 4_096;

/**
 * Makes the folder where it is missing, and sees that it can be written to.
 * @throws StartError with one line
 */
export function openHome(folder: string): Home {
  const home: Home = {
    folder,
    lockFile: join(folder, 'supervisor.lock'),
    childrenFile: join(folder, 'children.json'),
    portsFile: join(folder, 'ports.json'),
    endpointsFile: join(folder, 'endpoints.json'),
    masterKeyFile: join(folder, 'master-key'),
    logs: join(folder, 'logs'),
    postgres: join(folder, 'postgres'),
    temporal: join(folder, 'temporal'),
  };
  const probe = join(folder, `.probe-${String(process.pid)}`);
  try {
    makeFolder(folder, 0o700);
    makeFolder(home.logs, 0o700);
    writeFileSync(probe, Buffer.alloc(PROBE_BYTES), { flush: true });
    rmSync(probe);
  } catch (error) {
    if (existsSync(probe)) rmSync(probe);
    throw new StartError(
      `KEYMOOR_HOME: ${folder} cannot be used: ${whyNoFolder(error)}; set it to a folder that you may write to`,
    );
  }
  return home;
}

/**
 * Makes the home's master key where there is none.
 * @throws StartError where it was lost: without it, the secrets in the database are lost, too
 */
export function ensureMasterKey(home: Home): void {
  if (existsSync(home.masterKeyFile)) {
    const key = readFileSync(home.masterKeyFile, 'utf8').trim();
    if (Buffer.from(key, 'base64').length === 32) return;
    throw new StartError(`the master key ${home.masterKeyFile} does not hold 32 bytes in Base64; restore it`);
  }
  if (existsSync(home.postgres)) {
    throw new StartError(
      `the master key ${home.masterKeyFile} is missing, but the database whose secrets it encrypts is there; ` +
        `restore it, or move ${home.folder} away to begin anew`,
    );
  }
  writeAtomically(home.masterKeyFile, `${randomBytes(32).toString('base64')}\n`);
}
