import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Command, Option } from 'commander';
import { currentEnvironment, projectFolder } from './environment';
import { oneLine } from './one-line';
import type * as abandonModule from './processes/abandon';
import type * as apiModule from './processes/api';
import type * as hsmCheckModule from './processes/hsm-check';
import type * as migrateModule from './processes/migrate';
import type * as rotateMasterKeyModule from './processes/rotate-master-key';
import type * as simulatorModule from './processes/simulator';
import type * as workerModule from './processes/worker';
import type * as xksCheckModule from './processes/xks-check';
import type * as devModule from './supervisor/dev';

/** Loads a process's code when its command runs, so that `api` does not carry the worker's SDK, and `--help` carries nothing. */
const load = createRequire(__filename);

interface ChildOptions {
  builtInCredentials?: true;
}

/** The command-line program. `args` without node and script. A wrong environment or a failed start ends with one line and exit code 1. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    await program().parseAsync(args, { from: 'user' });
  } catch (error) {
    process.stderr.write(`keymoor: ${oneLine(error)}\n`);
    process.exit(1);
  }
}

function program(): Command {
  const manifest = readFileSync(join(projectFolder(), 'package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const keymoor = new Command('keymoor')
    .description('Connects AWS KMS custom key stores, durably.')
    .version(version)
    .showHelpAfterError()
    .addHelpText('after', '\nAll settings are environment variables: see README.md.');
  keymoor
    .command('dev')
    .description('run everything on this machine: PostgreSQL, Temporal, simulator, worker, API')
    .action(async () => {
      const { runDev } = load('./supervisor/dev') as typeof devModule;
      await runDev(currentEnvironment());
    });
  keymoor
    .command('api')
    .description('run the KMS endpoint and its admin endpoint')
    .addOption(builtInCredentials())
    .action(async (options: ChildOptions) => {
      const { runApi } = loadSmall('./processes/api') as typeof apiModule;
      await runApi(currentEnvironment(), options.builtInCredentials === true);
    });
  keymoor
    .command('worker')
    .description('run a Temporal worker, which does the connecting')
    .addOption(builtInCredentials())
    .action(async (options: ChildOptions) => {
      const { runWorker } = loadSmall('./processes/worker') as typeof workerModule;
      await runWorker(currentEnvironment(), options.builtInCredentials === true);
    });
  keymoor
    .command('simulator')
    .description('run the stand-in for AWS and its HSMs')
    .action(async () => {
      const { runSimulator } = load('./processes/simulator') as typeof simulatorModule;
      await runSimulator(currentEnvironment());
    });
  keymoor
    .command('migrate')
    .description('bring the database schema up to date and end')
    .action(async () => {
      const { runMigrate } = load('./processes/migrate') as typeof migrateModule;
      await runMigrate(currentEnvironment());
    });
  addRotateMasterKey(keymoor);
  addAbandon(keymoor.command('abandon'));
  addHsmCheck(keymoor.command('hsm').description('for operators of HSMs'));
  addXksCheck(keymoor.command('xks').description('for makers of external key store proxies'));
  return keymoor;
}

function addRotateMasterKey(keymoor: Command): void {
  keymoor
    .command('rotate-master-key')
    .description(
      'seal all secrets in the database with a new master key; run again, it finishes what was cut off',
    )
    .option('--new-key-file <file>', 'the new key, where one is made already: 32 bytes in Base64')
    .addHelpText(
      'after',
      '\nDATABASE_URL and KEYMOOR_MASTER_KEY_FILE; what is not set is taken from a `dev` that runs in KEYMOOR_HOME.' +
        '\nThe old key is kept beside the file. api and worker may run meanwhile, and are to be restarted afterwards.',
    )
    .action(async (options: { newKeyFile?: string }) => {
      const { runRotateMasterKey } = load('./processes/rotate-master-key') as typeof rotateMasterKeyModule;
      await runRotateMasterKey(currentEnvironment(), options);
    });
}

/** `abandon`: 1 where nothing was abandoned, 2 where the command is wrong. */
function addAbandon(abandon: Command): void {
  abandon
    .description('give up what the disconnect of a key store cannot remove, and make it DISCONNECTED')
    .argument('<store>', 'id of a key store that is DISCONNECTING: cks-…')
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      '\nNeeds DATABASE_URL, or a `dev` that runs in KEYMOOR_HOME; the API need not run. Lists what stays behind first.' +
        '\nExit code: 0 where it was abandoned, 1 where not, 2 where the command is wrong.',
    )
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .action(async (store: string, options: abandonModule.AbandonOptions) => {
      const { runAbandon } = load('./processes/abandon') as typeof abandonModule;
      process.exitCode = await runAbandon(store, options, currentEnvironment());
    });
}

/** `hsm check`: 1 where something does not work, 2 where the command is wrong. */
function addHsmCheck(hsm: Command): void {
  hsm
    .command('check')
    .description('walk the way of a connect to the HSMs of one key store, and say what works')
    .argument('<store>', 'id of an AWS_CLOUDHSM key store: cks-…')
    .addHelpText(
      'after',
      '\nThe environment is that of the worker; what is not set is taken from a `dev` that runs in KEYMOOR_HOME.' +
        '\nNothing is changed, but a login is tried: a wrong password counts towards the lock of kmsuser.' +
        '\nExit code: 0 where all works, 1 where something does not, 2 where the command is wrong.',
    )
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .action(async (store: string) => {
      const { runHsmCheck } = load('./processes/hsm-check') as typeof hsmCheckModule;
      process.exitCode = await runHsmCheck(store, currentEnvironment());
    });
}

/** `xks check`: exit code 1 for a proxy that failed, 2 for a command that is wrong. */
function addXksCheck(xks: Command): void {
  xks
    .command('check')
    .description('play KMS against one proxy and say which rules of the specification it breaks')
    .argument('<url>', 'of the proxy: https://HOST[:PORT][/PREFIX]/kms/xks/v1')
    .option('--key <id>', 'id of an enabled AES-256 key; checks that need one fail without it')
    .option('--key-disabled <id>', 'id of a disabled key, to be checked as well')
    .option('--key-encrypt-only <id>', 'id of a key that cannot decrypt, to be checked as well')
    .option('--key-decrypt-only <id>', 'id of a key that cannot encrypt, to be checked as well')
    .option('--connect-to <HOST1:PORT1:HOST2:PORT2>', 'as in curl; may be repeated', collect)
    .option('--ca <file>', 'PEM bundle of the CAs that are trusted, in place of the public ones')
    .option('--region <region>', 'in the scope of signatures (AWS_REGION)')
    .option('--timeout-ms <n>', 'what a request may take', '250')
    .option('--load <n>', 'also send 50 encryptions over each of N connections at once')
    .option('--json', 'print one JSON document')
    .option('--junit <file>', 'write JUnit XML as well')
    .option('--baseline <file>', 'ids of checks that are known to fail, one a line or a JSON array')
    .addHelpText(
      'after',
      '\nThe credential comes from KEYMOOR_XKS_ACCESS_KEY_ID and KEYMOOR_XKS_SECRET_ACCESS_KEY.' +
        '\nExit code: 0 without new failures, 1 with, 2 where the command is wrong, 130 where it was interrupted.',
    )
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .action(async (url: string, options: xksCheckModule.XksCheckOptions) => {
      const { runXksCheck } = load('./processes/xks-check') as typeof xksCheckModule;
      process.exitCode = await runXksCheck(url, options, currentEnvironment());
    });
}

function collect(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value];
}

/**
 * Loads what the process consists of while V8 keeps memory small, which spares what the AWS SDK would leave behind: some
 * 50 MB. From then on it is as quick as ever; else its collections would take a fifth of the process's time.
 */
function loadSmall(path: string): unknown {
  setFlagsFromString('--optimize-for-size');
  try {
    return load(path);
  } finally {
    setFlagsFromString('--no-optimize-for-size');
  }
}

/** How `dev` tells its children that the credentials file is optional: no environment variable, so that production cannot inherit it. */
function builtInCredentials(): Option {
  return new Option('--built-in-credentials').hideHelp();
}

if (require.main === module) void main(process.argv.slice(2));
