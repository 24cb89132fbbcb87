/** Builds `dist/`: JavaScript with source maps from every room, SQL migrations, and the workflow bundle. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { markBuilt, sourcesFingerprint } from './built.mjs';
import { fingerprintOfContents, filesBelow } from './fingerprint.mjs';
import { DIST, PROJECT, ROOMS, WORKFLOW_BUNDLE, WORKFLOW_ROOMS } from './layout.mjs';

const BUNDLE_STAMP = join(DIST, '.workflow-bundle');

/** Transforms and bundles what changed. Throws with one line per problem. */
export async function build() {
  const fingerprint = sourcesFingerprint();
  await transformRooms();
  await bundleWorkflows();
  markBuilt(fingerprint);
}

async function transformRooms() {
  const { transformFile } = await import('@swc/core');
  const wanted = new Set();
  const emit = (path, content) => {
    wanted.add(path);
    writeIfChanged(path, content);
  };
  const sources = ROOMS.flatMap((room) => filesBelow(join(PROJECT, room)));
  await Promise.all(
    sources.map(async (source) => {
      const target = join(DIST, relative(PROJECT, source));
      if (source.endsWith('.sql')) emit(target, readFileSync(source));
      if (!source.endsWith('.ts') || source.endsWith('.d.ts')) return;
      const { code, map } = await transformFile(source, {
        cwd: PROJECT,
        configFile: join(PROJECT, '.swcrc'),
        sourceFileName: relative(dirname(target), source),
      });
      const script = target.replace(/\.ts$/, '.js');
      emit(script, code);
      if (map !== undefined) emit(`${script}.map`, map);
    }),
  );
  for (const room of ROOMS) {
    for (const path of filesBelow(join(DIST, room))) if (!wanted.has(path)) rmSync(path, { force: true });
  }
}

/**
 * Bundles `workflows/index.ts` unless it is what the bundle was made from. A warning of the bundler fails the build:
 * it means that something not deterministic got in (`spec/temporal.md` §7, 2).
 */
export async function bundleWorkflows() {
  const stamp = fingerprintOfContents(PROJECT, [...WORKFLOW_ROOMS, 'package-lock.json', 'scripts/build.mjs']);
  if (readText(BUNDLE_STAMP) === stamp && readText(WORKFLOW_BUNDLE) !== undefined) return;
  const { bundleWorkflowCode } = await import('@temporalio/worker');
  const warnings = [];
  const collect = {
    apply: (compiler) =>
      compiler.hooks.done.tap('collect-warnings', ({ compilation }) => {
        warnings.push(...compilation.warnings.map(({ message }) => message));
      }),
  };
  const silent = () => {};
  const errors = [];
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(PROJECT, 'workflows', 'index.ts'),
    webpackConfigHook: (config) => ({ ...config, plugins: [...(config.plugins ?? []), collect] }),
    logger: {
      log: silent,
      trace: silent,
      debug: silent,
      info: silent,
      warn: (message) => warnings.push(message),
      error: (message) => errors.push(message),
    },
  }).catch((error) => {
    throw new Error(['the workflows cannot be bundled:', ...errors, error.message].join('\n'));
  });
  if (warnings.length > 0) throw new Error(['the workflow bundler warns:', ...warnings].join('\n'));
  writeIfChanged(WORKFLOW_BUNDLE, code);
  writeFileSync(BUNDLE_STAMP, stamp);
}

/** Written beside and renamed: a running process never loads half a file. */
function writeIfChanged(path, content) {
  const current = readBytes(path);
  if (current !== undefined && current.equals(Buffer.from(content))) return;
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.draft`;
  writeFileSync(draft, content);
  renameSync(draft, path);
}

function readBytes(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function readText(path) {
  return readBytes(path)?.toString('utf8');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await build();
  } catch (error) {
    process.stderr.write(`keymoor: the build failed: ${error.message}\n`);
    process.exitCode = 1;
  }
}
