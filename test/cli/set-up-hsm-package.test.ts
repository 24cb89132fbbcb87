import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../../cli/environment';
import { temporaryFolder } from './folders';

const folder = temporaryFolder();
const SCRIPTS = join(projectFolder(), 'scripts');

/** Stands for npm: writes down what it is told, and builds, fetches or fails as the file `npm-does` says. */
const NPM = `
const { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const [command, ...rest] = process.argv.slice(2);
appendFileSync('npm-told', [command, ...rest].join(' ') + '\\n');
const does = readFileSync('npm-does', 'utf8');
const there = 'node_modules/pkcs11js';
if (command === 'install') {
  mkdirSync(there, { recursive: true });
  writeFileSync(there + '/package.json', '{"main":"index.js"}');
  writeFileSync(there + '/index.js', 'if (require("node:fs").readFileSync(__dirname + "/build/Release/pkcs11.node", "utf8") !== "works") process.abort();');
}
if (command === 'rebuild' && does === 'builds') {
  mkdirSync(there + '/build/Release', { recursive: true });
  writeFileSync(there + '/build/Release/pkcs11.node', 'works');
}
if (command === 'rebuild' && does === 'fails') {
  console.error('no compiler\\nnowhere');
  process.exit(1);
}
`;

type Npm = 'builds' | 'fails' | 'runs no scripts';

/** A project of one package, installed and up to date but for that one. */
class SmallProject {
  readonly path = mkdtempSync(join(folder, 'set-up-'));
  readonly package = join(this.path, 'node_modules', 'pkcs11js');
  readonly binary = join(this.package, 'build', 'Release', 'pkcs11.node');

  constructor(npm: Npm) {
    cpSync(SCRIPTS, join(this.path, 'scripts'), { recursive: true });
    writeFileSync(join(this.path, 'scripts', 'built.mjs'), 'export const isBuilt = () => true;\n');
    writeFileSync(join(this.path, 'package.json'), '{"optionalDependencies":{"pkcs11js":"1.0.0"}}');
    const packages = { '': {}, 'node_modules/pkcs11js': { version: '1.0.0', optional: true } };
    writeFileSync(join(this.path, 'package-lock.json'), JSON.stringify({ packages }));
    mkdirSync(join(this.path, 'node_modules'));
    writeFileSync(join(this.path, 'node_modules', '.package-lock.json'), '{"packages":{}}');
    writeFileSync(join(this.path, 'npm-cli.js'), NPM);
    this.npm = npm;
  }

  set npm(does: Npm) {
    writeFileSync(join(this.path, 'npm-does'), does);
  }

  /** What npm was told since the last time that somebody asked. */
  told(): string[] {
    const file = join(this.path, 'npm-told');
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
    rmSync(file, { force: true });
    return lines;
  }

  /** The package as npm leaves it where install scripts are off. */
  leaveUnbuilt(): this {
    spawnSync(process.execPath, ['npm-cli.js', 'install'], { cwd: this.path });
    this.told();
    return this;
  }

  /** @param script the npm script that it is run for */
  setUp(script = 'start'): { code: number | null; said: string[] } {
    const { status, stderr } = spawnSync(process.execPath, [join('scripts', 'setup.mjs')], {
      cwd: this.path,
      encoding: 'utf8',
      env: {
        ...process.env,
        npm_execpath: join(this.path, 'npm-cli.js'),
        npm_lifecycle_event: script,
      },
    });
    return { code: status, said: stderr.split('\n').filter((line) => line !== '') };
  }
}

test('the package for real HSMs is built where npm left it unbuilt, and npm is not asked again', () => {
  const project = new SmallProject('builds').leaveUnbuilt();
  expect(project.setUp()).toEqual({ code: 0, said: ['keymoor: building pkcs11js'] });
  expect(project.told()).toEqual(['rebuild pkcs11js']);
  expect(existsSync(project.binary)).toBe(true);
  expect(project.setUp()).toEqual({ code: 0, said: [] });
  expect(project.told()).toEqual([]);
});

test('a binary that ends the process that loads it is built anew', () => {
  const project = new SmallProject('builds').leaveUnbuilt();
  mkdirSync(join(project.package, 'build', 'Release'), { recursive: true });
  writeFileSync(project.binary, 'made for another machine');
  expect(project.setUp().code).toBe(0);
  expect(readFileSync(project.binary, 'utf8')).toBe('works');
});

test('a build that fails is told in one line, ends nothing, and is not tried again by a start', () => {
  const project = new SmallProject('fails').leaveUnbuilt();
  const { code, said } = project.setUp();
  expect(code).toBe(0);
  expect(said).toHaveLength(2);
  expect(said[1]).toMatch(
    /KEYMOOR_HSM=pkcs11 and cloudhsm.*python3, make and a C\+\+ compiler, then npm run setup/,
  );
  expect(readFileSync(join(project.path, 'node_modules', '.keymoor-pkcs11js.log'), 'utf8')).toContain(
    'no compiler',
  );
  project.told();
  expect(project.setUp()).toEqual({ code: 0, said: [] });
  expect(project.setUp('check')).toEqual({ code: 0, said: [] });
  expect(project.told()).toEqual([]);
});

test('`npm run setup` tries again what failed, and forgets that it did', () => {
  const project = new SmallProject('fails').leaveUnbuilt();
  project.setUp();
  project.npm = 'builds';
  project.told();
  expect(project.setUp('setup')).toEqual({ code: 0, said: ['keymoor: building pkcs11js'] });
  expect(project.told()).toEqual(['rebuild pkcs11js']);
  expect(existsSync(join(project.path, 'node_modules', '.keymoor-pkcs11js.log'))).toBe(false);
  expect(project.setUp('setup')).toEqual({ code: 0, said: [] });
  expect(project.told()).toEqual([]);
});

test('npm having removed the package is told in one line; `npm run setup` fetches and builds it', () => {
  const project = new SmallProject('builds');
  const { code, said } = project.setUp();
  expect(code).toBe(0);
  expect(said).toHaveLength(1);
  expect(said[0]).toContain('npm run setup');
  expect(project.told()).toEqual([]);
  expect(project.setUp()).toEqual({ code: 0, said: [] });
  expect(project.setUp('setup').code).toBe(0);
  expect(project.told().map((line) => line.split(' ')[0])).toEqual(['install', 'rebuild']);
  expect(existsSync(project.binary)).toBe(true);
});

test('an npm that runs no install scripts is respected, and told of in one line', () => {
  const project = new SmallProject('runs no scripts').leaveUnbuilt();
  const { code, said } = project.setUp();
  expect(code).toBe(0);
  expect(said[1]).toContain('npm rebuild pkcs11js --ignore-scripts=false');
  project.told();
  expect(project.setUp().said).toEqual([]);
  expect(project.told()).toEqual([]);
});

test('packages that were installed anew are looked at anew', () => {
  const project = new SmallProject('fails').leaveUnbuilt();
  project.setUp();
  project.npm = 'builds';
  rmSync(join(project.path, 'node_modules'), { recursive: true });
  mkdirSync(join(project.path, 'node_modules'));
  writeFileSync(join(project.path, 'node_modules', '.package-lock.json'), '{"packages":{}}');
  project.leaveUnbuilt();
  expect(project.setUp().said).toEqual(['keymoor: building pkcs11js']);
});
