import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cacheDirOf } from '../../cli/environment';
import { errorCode } from '../../cli/error-facts';
import { processIdentity } from '../../cli/process-identity';

const run = promisify(execFile);
/** Pinned, so that a run tomorrow tests what today's did. */
const PACKAGES = ['awscli==1.45.11', 'boto3==1.43.11'];

/** The AWS CLI and boto3, installed beside the engines; the reason where they cannot be had. */
export type PythonClients = { folder: string } | { missing: string };

/** For what comes over the network, on a machine that does other things, too. */
const INSTALL_LIMIT_MS = 600_000;

/** Installs them once per machine, some ten seconds; who comes while another installs them waits for that one. */
export async function installPythonClients(): Promise<PythonClients> {
  const folder = join(cacheDirOf(process.env), `python-clients-${PACKAGES.join('-').replaceAll('==', '-')}`);
  if (existsSync(folder)) return { folder };
  mkdirSync(dirname(folder), { recursive: true });
  const unfinished = `${folder}.${process.pid}`;
  const unlock = await lock(`${folder}.lock`);
  try {
    if (existsSync(folder)) return { folder };
    mkdirSync(unfinished);
    await run('python3', ['-m', 'pip', 'install', '--quiet', '--target', unfinished, ...PACKAGES], {
      timeout: INSTALL_LIMIT_MS,
    });
    renameSync(unfinished, folder);
    return { folder };
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    // Of two that took over from a dead one at the same moment, the other one may have been quicker.
    return existsSync(folder) ? { folder } : { missing: `pip could not install them: ${String(error)}` };
  } finally {
    unlock();
  }
}

/** Waits until the lock is nobody's, or that of a process which is gone; the result gives it back. */
async function lock(file: string): Promise<() => void> {
  const identity = (pid: number): string => `${String(pid)} ${processIdentity(pid) ?? ''}`;
  for (;;) {
    try {
      writeFileSync(file, identity(process.pid), { flag: 'wx' });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
    await pause(200);
    const holder = contentOf(file);
    // Empty while it is being written.
    if (holder !== '' && holder !== identity(parseInt(holder, 10))) rmSync(file, { force: true });
  }
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // given back in between
  }
}

/** Runs Python with the clients on its path; what it printed. Fails with what it complained of. */
export async function python(
  clients: PythonClients,
  args: string[],
  env: Record<string, string>,
): Promise<string> {
  if ('missing' in clients) throw new Error(clients.missing);
  const { stdout } = await run('python3', args, {
    env: { PATH: process.env['PATH'] ?? '', HOME: clients.folder, PYTHONPATH: clients.folder, ...env },
    timeout: 180_000,
  });
  return stdout;
}
