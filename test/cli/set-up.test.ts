import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../../cli/environment';
import { temporaryFolder } from './folders';

/** Some tests build, and more than once. */
jest.setTimeout(600_000);

const folder = temporaryFolder();
const SCRIPTS = join(projectFolder(), 'scripts');

/** Runs a line of an ES module beside the scripts; its output, parsed. */
function evaluate(code: string): unknown {
  const options = { encoding: 'utf8', cwd: SCRIPTS } as const;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', code], options));
}

const lockOf = (version: string): string =>
  JSON.stringify({
    packages: {
      '': { name: 'p' },
      'node_modules/a': { version },
      'node_modules/only-elsewhere': { version: '1.0.0', optional: true },
    },
  });

function project(): string {
  const path = mkdtempSync(join(folder, 'project-'));
  writeFileSync(join(path, 'package.json'), JSON.stringify({ dependencies: { a: '^1.0.0' } }));
  writeFileSync(join(path, 'package-lock.json'), lockOf('1.0.0'));
  return path;
}

function install(path: string, version: string): void {
  mkdirSync(join(path, 'node_modules', 'a'), { recursive: true });
  writeFileSync(join(path, 'node_modules', 'a', 'package.json'), JSON.stringify({ version }));
  writeFileSync(join(path, 'node_modules', '.package-lock.json'), lockOf(version));
}

const isInstalled = (path: string): unknown =>
  evaluate(
    `import { isInstalled } from './installed.mjs'; console.log(JSON.stringify(isInstalled(${JSON.stringify(path)})))`,
  );

test('packages are installed when npm says that it installed what the lock file wants', () => {
  const path = project();
  expect(isInstalled(path)).toBe(false);
  install(path, '0.9.0');
  expect(isInstalled(path)).toBe(false);
  install(path, '1.0.0');
  expect(isInstalled(path)).toBe(true);
});

test('a changed lock file, or a package that is gone, asks for a new install', () => {
  const path = project();
  install(path, '1.0.0');
  expect(isInstalled(path)).toBe(true);
  writeFileSync(join(path, 'package-lock.json'), lockOf('1.1.0'));
  expect(isInstalled(path)).toBe(false);
  install(path, '1.1.0');
  expect(isInstalled(path)).toBe(true);
  rmSync(join(path, 'node_modules', 'a'), { recursive: true });
  expect(isInstalled(path)).toBe(false);
});

test('a Node.js that is too old is told so in one line', () => {
  const said = (version: string): unknown =>
    evaluate(
      `import { checkNode } from './setup.mjs'; let said = null; try { checkNode('${version}') } catch (e) { said = e.message } console.log(JSON.stringify(said))`,
    );
  expect(said('18.20.4')).toBe('Node.js 18.20.4 is too old: Keymoor needs 20.3.0 or newer');
  expect(said('20.2.9')).toContain('too old');
  expect(said('20.3.0')).toBeNull();
  expect(said('26.0.0')).toBeNull();
});

test('where everything is up to date the set-up says nothing and asks no npm', () => {
  const npm = join(folder, 'npm-cli.js');
  const told = join(folder, 'npm-told');
  writeFileSync(
    npm,
    `require('node:fs').appendFileSync(${JSON.stringify(told)}, process.argv.slice(2).join(' ') + '\\n');`,
  );
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(SCRIPTS, 'setup.mjs')], {
    encoding: 'utf8',
    env: { ...process.env, npm_execpath: npm },
  });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  expect(existsSync(told)).toBe(false);
});

/** A copy of the scripts with two rooms: what a build does with sources that a test may break. */
function smallProject(): string {
  const path = mkdtempSync(join(folder, 'build-'));
  cpSync(SCRIPTS, join(path, 'scripts'), { recursive: true });
  for (const file of ['package.json', '.swcrc', 'package-lock.json'])
    cpSync(join(projectFolder(), file), join(path, file));
  execFileSync('ln', ['-s', join(projectFolder(), 'node_modules'), join(path, 'node_modules')]);
  mkdirSync(join(path, 'keystore'));
  mkdirSync(join(path, 'workflows'));
  mkdirSync(join(path, 'database', 'migrations'), { recursive: true });
  writeFileSync(join(path, 'keystore', 'one.ts'), 'export const one: number = 1;\n');
  writeFileSync(join(path, 'database', 'migrations', '1.sql'), 'SELECT 1;\n');
  writeFileSync(
    join(path, 'workflows', 'index.ts'),
    "import { one } from '../keystore/one';\nexport async function job(): Promise<number> { return one; }\n",
  );
  return path;
}

async function build(path: string): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [join(path, 'scripts', 'build.mjs')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stderr };
}

test('a build makes scripts, source maps, SQL and the workflow bundle, and removes what has no source any more', async () => {
  const path = smallProject();
  expect(await build(path)).toEqual({ code: 0, stderr: '' });
  const dist = (file: string): string => join(path, 'dist', file);
  for (const file of [
    'keystore/one.js',
    'keystore/one.js.map',
    'database/migrations/1.sql',
    'workflow-bundle.js',
  ]) {
    expect(existsSync(dist(file))).toBe(true);
  }
  expect(readFileSync(dist('workflow-bundle.js'), 'utf8')).toContain('job');
  writeFileSync(join(path, 'keystore', 'two.ts'), 'export const two = 2;\n');
  rmSync(join(path, 'database', 'migrations', '1.sql'));
  await build(path);
  expect(existsSync(dist('keystore/two.js'))).toBe(true);
  expect(existsSync(dist('database/migrations/1.sql'))).toBe(false);
});

test('a build is up to date until a source is written, added or removed', async () => {
  const path = smallProject();
  await build(path);
  const isBuilt = (): string =>
    execFileSync(
      process.execPath,
      ['--input-type=module', '-e', "import { isBuilt } from './built.mjs'; console.log(isBuilt())"],
      {
        encoding: 'utf8',
        cwd: join(path, 'scripts'),
      },
    ).trim();
  expect(isBuilt()).toBe('true');
  utimesSync(join(path, 'keystore', 'one.ts'), 1, 1);
  expect(isBuilt()).toBe('false');
  await build(path);
  rmSync(join(path, 'keystore', 'one.ts'));
  expect(isBuilt()).toBe('false');
});

test('a source that cannot be read fails the build with its name', async () => {
  const path = smallProject();
  writeFileSync(join(path, 'keystore', 'broken.ts'), 'export const = ;\n');
  const { code, stderr } = await build(path);
  expect(code).toBe(1);
  expect(stderr).toContain('keystore/broken.ts');
});

test('workflow code that reaches for Node.js fails the build: it would not be deterministic', async () => {
  const path = smallProject();
  writeFileSync(
    join(path, 'workflows', 'index.ts'),
    "import { readFileSync } from 'node:fs';\nexport async function job(): Promise<unknown> { return readFileSync('/etc/hostname'); }\n",
  );
  const { code, stderr } = await build(path);
  expect(code).toBe(1);
  expect(stderr).toContain('fs');
});
