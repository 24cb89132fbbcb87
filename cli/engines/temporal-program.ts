import { access, constants, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { makeFolder, whyNoFolder } from '../make-folder';
import { StartError } from '../program';
import { runCommand } from './run-command';
import { TEMPORAL_SOURCES } from './temporal-sources';
import type { TemporalSource } from './temporal-sources';
import { errorMessage } from '../error-facts';

export interface FindTemporalConfig {
  /** `TEMPORAL_CLI_PATH` */
  cliPath?: string;
  /** where fetched engines are kept, shared by all homes */
  cacheDir: string;
  /** environment of the programs that are called; `PATH` is searched */
  env: Readonly<Record<string, string>>;
  /** one line at a time, for a person who waits */
  progress: (line: string) => void;
  sources?: readonly TemporalSource[];
  signal?: AbortSignal;
}

const VERSION_TIMEOUT_MS = 15_000;
/** A fetch that is older than this was killed: nobody is at work in its folder. */
const DRAFT_AGE_MS = 60 * 60_000;

/**
 * Finds the `temporal` program: `TEMPORAL_CLI_PATH`, then `PATH`, the cache, and the sources in their order; what is fetched
 * goes to the cache, complete or not at all.
 * @returns its path
 * @throws StartError with one message that lists what was tried and what to install
 */
export async function findTemporal(config: FindTemporalConfig): Promise<string> {
  const { cliPath, cacheDir, env, progress, sources = TEMPORAL_SOURCES } = config;
  if (cliPath !== undefined) {
    const problem = await problemOf(cliPath, config);
    if (problem === undefined) return cliPath;
    throw new StartError(`TEMPORAL_CLI_PATH: ${cliPath} is not a working temporal program (${problem})`);
  }
  const tried: string[] = [];
  const onPath = await searchPath(env['PATH'] ?? '');
  if (onPath === undefined) tried.push('temporal on PATH: not there');
  else {
    const problem = await problemOf(onPath, config);
    if (problem === undefined) return onPath;
    tried.push(`${onPath}: ${problem}`);
  }
  const cache = join(cacheDir, 'temporal');
  for (const { id } of sources) {
    const cached = join(cache, id, 'temporal');
    if (await isExecutable(cached)) return cached;
  }
  await prepareCache(cache);
  for (const source of sources) {
    progress(`fetching the Temporal dev server: ${source.title}`);
    try {
      return await fetchIntoCache(source, cache, config);
    } catch (error) {
      config.signal?.throwIfAborted();
      const problem = errorMessage(error);
      progress(`  that did not work: ${problem}`);
      tried.push(`${source.title}: ${problem}`);
    }
  }
  throw new StartError(
    [
      'no temporal program was found, and none could be fetched. Install the Temporal CLI (https://docs.temporal.io/cli) and put it on PATH,' +
        ' or set TEMPORAL_CLI_PATH to it, or set TEMPORAL_ADDRESS to a Temporal server. Tried:',
      ...tried.map((line) => `  ${line}`),
    ].join('\n'),
  );
}

async function prepareCache(cache: string): Promise<void> {
  try {
    makeFolder(cache, 0o777);
    for (const name of await readdir(cache)) {
      if (!name.startsWith('.draft-')) continue;
      const draft = join(cache, name);
      const { mtimeMs } = await stat(draft);
      if (Date.now() - mtimeMs > DRAFT_AGE_MS) await rm(draft, { recursive: true, force: true });
    }
  } catch (error) {
    throw new StartError(
      `KEYMOOR_CACHE_DIR: ${cache} cannot be used (${whyNoFolder(error)}); set it to a folder that you may write to`,
    );
  }
}

/** Two starts may fetch at once: each into a folder of its own, and who is second uses what the first one put there. */
async function fetchIntoCache(
  source: TemporalSource,
  cache: string,
  config: FindTemporalConfig,
): Promise<string> {
  const draft = await mkdtemp(join(cache, '.draft-'));
  try {
    const { env, signal } = config;
    await source.fetch(draft, { env, ...(signal === undefined ? {} : { signal }) });
    const problem = await problemOf(join(draft, 'temporal'), config);
    if (problem !== undefined) throw new Error(`what came does not run: ${problem}`);
    const program = join(draft, 'program');
    await mkdir(program);
    await rename(join(draft, 'temporal'), join(program, 'temporal'));
    const place = join(cache, source.id);
    await rename(program, place).catch(async (error: unknown) => {
      if (!(await isExecutable(join(place, 'temporal')))) throw error;
    });
    return join(place, 'temporal');
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Why a file is no working `temporal`, or undefined where it is one. */
async function problemOf(file: string, { env, signal }: FindTemporalConfig): Promise<string | undefined> {
  try {
    const options = { env, timeoutMs: VERSION_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) };
    const said = await runCommand(file, ['--version'], options);
    return /^temporal version \d/m.test(said)
      ? undefined
      : `--version says "${said.trim().split('\n')[0] ?? ''}"`;
  } catch (error) {
    signal?.throwIfAborted();
    return errorMessage(error);
  }
}

async function searchPath(path: string): Promise<string | undefined> {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, 'temporal');
    if (folder !== '' && (await isExecutable(file))) return file;
  }
  return undefined;
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
