import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where Debian, Fedora, Homebrew and a build by hand put it. */
const MODULES = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
];

const PROJECT = join(__dirname, '..', '..');
/** The compiled program that ends with its parent; beside the TypeScript there is none. */
export const LEASH_PROGRAM = join(PROJECT, 'dist', 'clients', 'hsm', 'cloudhsm', 'leash-main.js');

/** As above. */
export const TOKEN_PROGRAM = join(PROJECT, 'dist', 'clients', 'hsm', 'pkcs11', 'token-main.js');
const OUTSIDE = join(__dirname, 'pkcs11-outside.cjs');
const SO_PIN = 'officers-pin';

/** Path of SoftHSM's library, empty where there is none. */
export const SOFTHSM_MODULE = MODULES.find((path) => existsSync(path)) ?? '';

/**
 * What tests on SoftHSM lack on this machine, in a few words; undefined where nothing is missing. For the name of a
 * skipped suite.
 */
export function missingForSoftHsm(also: { compiler?: boolean } = {}): string | undefined {
  const wanted = [
    { what: 'SoftHSM (Debian: apt-get install softhsm2)', there: () => SOFTHSM_MODULE !== '' },
    { what: 'softhsm2-util on PATH', there: () => runs('softhsm2-util', ['--version']) },
    {
      what: 'the optional package pkcs11js',
      there: () => runs(process.execPath, ['-e', "require('pkcs11js')"]),
    },
    {
      what: 'a C compiler (Debian: apt-get install gcc)',
      there: () => !also.compiler || runs('cc', ['--version']),
    },
  ];
  return wanted.find(({ there }) => !there())?.what;
}

function runs(program: string, args: string[]): boolean {
  return spawnSync(program, args, { cwd: PROJECT, stdio: 'ignore' }).status === 0;
}

/** SoftHSM with a folder of tokens of its own. */
export interface SoftHsm {
  module: string;
  /** what a process needs to see these tokens */
  environment: Readonly<Record<string, string>>;
  /** Makes a token. Without `pin` its user has none. */
  addToken(label: string, pin?: string): void;
  /** Sets the user's PIN as the security officer, from another process. */
  resetPin(label: string, pin: string): void;
  /** Whether a PIN is in force, asked by another process. */
  pinWorks(label: string, pin: string): boolean;
  /**
   * The program of token processes that see these tokens: `programFile` of `openToken`. The environment of a jest test
   * is a copy that child processes do not inherit, so that it is written into a program.
   */
  program(more?: Readonly<Record<string, string>>): string;
  remove(): void;
}

/** Makes a folder for tokens, gone with `remove`. */
export function makeSoftHsm(): SoftHsm {
  const folder = mkdtempSync(join(tmpdir(), 'keymoor-softhsm-'));
  const tokens = join(folder, 'tokens');
  mkdirSync(tokens);
  const configuration = join(folder, 'softhsm2.conf');
  writeFileSync(
    configuration,
    `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n`,
  );
  const environment = { SOFTHSM2_CONF: configuration };
  const env = { ...process.env, ...environment };
  const outside = (...args: string[]): string =>
    execFileSync(process.execPath, [OUTSIDE, SOFTHSM_MODULE, ...args], { env, encoding: 'utf8' });
  const expectOk = (answer: string): void => {
    if (answer !== 'CKR_OK') throw new Error(`SoftHSM answered ${answer}`);
  };
  let programs = 0;
  return {
    module: SOFTHSM_MODULE,
    environment,
    addToken(label, pin) {
      if (pin === undefined) {
        expectOk(outside(label, 'init-token', SO_PIN));
        return;
      }
      const init = ['--init-token', '--free', '--label', label, '--so-pin', SO_PIN, '--pin', pin];
      execFileSync('softhsm2-util', init, { env, stdio: 'ignore' });
    },
    resetPin(label, pin) {
      expectOk(outside(label, 'reset-pin', SO_PIN, pin));
    },
    pinWorks(label, pin) {
      const answer = outside(label, 'login', pin);
      if (answer === 'CKR_PIN_INCORRECT') return false;
      expectOk(answer);
      return true;
    },
    program(more = {}) {
      const file = join(folder, `token-program-${String((programs += 1))}.cjs`);
      const variables = JSON.stringify({ ...environment, ...more });
      writeFileSync(
        file,
        `Object.assign(process.env, ${variables});\nrequire(${JSON.stringify(TOKEN_PROGRAM)});\n`,
      );
      return file;
    },
    remove() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The library of `pkcs11-module/module.c` before a real one. */
export interface FaultyModule {
  module: string;
  /** what a process that loads it needs */
  environment: Readonly<Record<string, string>>;
  /** Sets its faults, see module.c; none = no faults any more. */
  control(...lines: string[]): void;
  /** How often it was called, and how it answered: `C_Login begins`, `C_Login 0xA0`, in all processes. */
  calls(): string[];
  /** The processes that have loaded it, in the order of their first call. */
  pids(): number[];
  /** Forgets all faults and calls. */
  reset(): void;
  remove(): void;
}

/** Compiles the module. */
export function makeFaultyModule(realModule: string): FaultyModule {
  const folder = mkdtempSync(join(tmpdir(), 'keymoor-pkcs11-'));
  const module = join(folder, 'faulty.so');
  const control = join(folder, 'control');
  const log = join(folder, 'log');
  const source = join(__dirname, 'pkcs11-module', 'module.c');
  execFileSync('cc', ['-shared', '-fPIC', '-fvisibility=hidden', '-Wall', '-o', module, source, '-ldl']);
  const lines = (): string[] =>
    existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter(Boolean) : [];
  return {
    module,
    environment: {
      TEST_PKCS11_REAL: realModule,
      TEST_PKCS11_CONTROL: control,
      TEST_PKCS11_LOG: log,
    },
    control(...faults) {
      writeFileSync(control, faults.map((line) => `${line}\n`).join(''));
    },
    calls: () => lines().map((line) => line.slice(line.indexOf(' ') + 1)),
    pids: () => [...new Set(lines().map((line) => Number(line.slice(0, line.indexOf(' ')))))],
    reset() {
      rmSync(control, { force: true });
      rmSync(log, { force: true });
    },
    remove() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Whether a process runs. One that is dead and only waits to be collected does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
  } catch {
    // No such system file here, or gone just now.
    return !existsSync('/proc/self/stat');
  }
}
