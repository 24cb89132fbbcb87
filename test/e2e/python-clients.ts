import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirOf } from '../../cli/environment';

const run = promisify(execFile);
/** Pinned, so that a run tomorrow tests what today's did. */
const PACKAGES = ['awscli==1.45.11', 'boto3==1.43.11'];

/** The AWS CLI and boto3, installed beside the engines; the reason where they cannot be had. */
export type PythonClients = { folder: string } | { missing: string };

/** Installs them once per machine; some ten seconds. */
export async function installPythonClients(): Promise<PythonClients> {
  const folder = join(cacheDirOf(process.env), `python-clients-${PACKAGES.join('-').replaceAll('==', '-')}`);
  if (existsSync(folder)) return { folder };
  const unfinished = `${folder}.${process.pid}`;
  try {
    mkdirSync(unfinished, { recursive: true });
    await run('python3', ['-m', 'pip', 'install', '--quiet', '--target', unfinished, ...PACKAGES], {
      timeout: 180_000,
    });
    renameSync(unfinished, folder);
    return { folder };
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    // Another run may have been quicker.
    return existsSync(folder) ? { folder } : { missing: `pip could not install them: ${String(error)}` };
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
    timeout: 60_000,
  });
  return stdout;
}
