/**
 * AWS CloudHSM Client SDK 5: every command line that is given to it, and what each of its answers means. Pure.
 *
 * Source: AWS CloudHSM User Guide ("Client SDK 5 configure tool", "Single command mode", "user list",
 * "user change-password", "Authenticate to the PKCS #11 library"). None of it was tried on a real cluster; what the
 * guide does not say is marked "not documented" below.
 *
 * Glossary. *Coverage*: whether all HSMs of the cluster know the same user. *CLI*: `cloudhsm-cli` in single command
 * mode.
 */
import { join } from 'node:path';
import { cleanText } from '../../xks/operator-text';
import { HsmFailure } from '../hsm-login';
import type { HsmFailureReason } from '../hsm-login';
import type { ProgramEnd, Reply } from './run-program';

/** Where things are in the folder of the SDK. */
export interface ClientSdk {
  folder: string;
  configureCli: string;
  configurePkcs11: string;
  cli: string;
  pkcs11Library: string;
  /** ours: a folder for each key store with the trust anchor of its cluster */
  trustAnchors: string;
}

/** The SDK in a folder, as its packages install it in `/opt/cloudhsm`. */
export function clientSdkIn(folder: string): ClientSdk {
  return {
    folder,
    configureCli: join(folder, 'bin', 'configure-cli'),
    configurePkcs11: join(folder, 'bin', 'configure-pkcs11'),
    cli: join(folder, 'bin', 'cloudhsm-cli'),
    pkcs11Library: join(folder, 'lib', 'libcloudhsm_pkcs11.so'),
    trustAnchors: join(folder, 'etc', 'keymoor'),
  };
}

/** A command of the SDK. Secrets are in `environment` and `input`, never in `args`. */
export interface SdkCommand {
  file: string;
  args: readonly string[];
  /** what it needs beside the environment of every program */
  environment: Readonly<Record<string, string>>;
  /** standard input: a text, or what to reply to each question */
  input: string | readonly Reply[];
}

/** Which cluster the SDK is to be configured for. */
export interface SdkConfiguration {
  /** addresses of HSMs of the cluster */
  addresses: readonly string[];
  /** path of the certificate that signed those of the HSMs */
  trustAnchorFile: string;
}

/**
 * The commands that configure the SDK for a cluster, each with its own file in `etc/`. The configuration is that of
 * the machine: no way to give another one to the PKCS#11 library is documented. `--disable-key-availability-check`,
 * which a cluster of a single HSM needs for its keys, is left as the operator set it: no key is made or used here.
 */
export function configureCommands(sdk: ClientSdk, configuration: SdkConfiguration): SdkCommand[] {
  const args = ['-a', ...configuration.addresses, '--hsm-ca-cert', configuration.trustAnchorFile];
  return [sdk.configureCli, sdk.configurePkcs11].map((file) => ({ file, args, environment: {}, input: '' }));
}

/** Lists the users of the cluster. It needs no login, so that it costs no try. */
export function userListCommand(sdk: ClientSdk): SdkCommand {
  return { file: sdk.cli, args: ['user', 'list'], environment: {}, input: '' };
}

/** A crypto user's change of its own password. */
export interface OwnPasswordChange {
  username: string;
  currentPassword: string;
  newPassword: string;
}

/**
 * Logs in as the crypto user and changes its password. Without `--password` the CLI asks for the new one, and asks
 * again to confirm it, so that it is on no command line. Whether it asks on standard input or on a terminal alone is
 * not documented. So there are two ways, to be tried in this order until one can be run:
 * 1. on a terminal of its own, which `script` (util-linux; Debian: bsdutils) makes: serves a CLI of either kind
 * 2. with the password twice on plain standard input
 */
export function changePasswordCommands(sdk: ClientSdk, change: OwnPasswordChange): SdkCommand[] {
  const { username, currentPassword, newPassword } = change;
  const args = ['user', 'change-password', '--username', username, '--role', CRYPTO_USER];
  const line = `${newPassword}\n`;
  const login = { CLOUDHSM_ROLE: CRYPTO_USER, CLOUDHSM_PIN: pinOf(username, currentPassword) };
  const onTerminal = {
    file: 'script',
    // Quiet; with the exit code of the command; the record of the session goes nowhere.
    args: ['-q', '-e', '-c', leashed([sdk.cli, ...args].map(quoted).join(' ')), '/dev/null'],
    // A service's own shell may be one that runs nothing. JSON in colours would not be readable.
    environment: { ...login, SHELL: '/bin/sh', TERM: 'dumb', NO_COLOR: '1' },
    input: [
      { to: /enter[^\n]*password[^\n]*:/i, text: line },
      { to: /(confirm|again|re-?enter)[^\n]*:/i, text: line },
    ],
  };
  return [onTerminal, { file: sdk.cli, args, environment: login, input: line + line }];
}

/** Longer than any time limit of ours: it is for what outlives whoever had set that. */
const LEASH_SECONDS = 60;

/** A command that ends by itself one day: under `script` it has a session of its own, where our signals do not reach. */
function leashed(command: string): string {
  const leash = `timeout --foreground -s KILL ${LEASH_SECONDS}`;
  return `command -v timeout > /dev/null 2>&1 && exec ${leash} ${command}; exec ${command}`;
}

/** A word that a shell takes as it is. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** How a crypto user and its password are written for `C_Login` and for `CLOUDHSM_PIN`. */
export function pinOf(username: string, password: string): string {
  return `${username}:${password}`;
}

const CRYPTO_USER = 'crypto-user';

/** The SDK's names of roles in the words of `HsmUser.type`; others stay as they are. */
const USER_TYPES: ReadonlyMap<string, string> = new Map([
  [CRYPTO_USER, 'CU'],
  ['admin', 'CO'],
  ['internal(APPLIANCE_USER)', 'AU'],
]);

/** A user of the cluster. */
export interface ClusterUser {
  /** lower case, as the CLI prints it */
  username: string;
  /** `CU`, `CO`, `AU`, or a role as the CLI names it (`inconsistent`: the HSMs do not agree) */
  type: string;
  /** every HSM knows it, in the same role */
  onEveryHsm: boolean;
  /** at least one HSM refuses it until an admin changes its password */
  locked: boolean;
}

/**
 * Checks what a configure tool answered. What it prints is not documented; its exit code tells.
 * @throws HsmFailure `unusable-library`, or `unreachable` where it did not end by itself
 */
export function checkConfigured(end: ProgramEnd, command: SdkCommand, cluster: string): void {
  if (end.how === 'not-started') throw notInstalled(command.file, end.why);
  if (end.how === 'cut-off')
    throw new HsmFailure('unreachable', `${cluster}: ${command.file} did not finish (${end.why})`);
  if (end.code === 0) return;
  throw new HsmFailure(
    'unusable-library',
    `${cluster}: ${command.file} failed (${saidBy(end, [])}); run it by hand as the worker's user, who must be allowed to write to the etc folder beside it`,
  );
}

/**
 * The users of the cluster.
 * @throws HsmFailure `unreachable`: the request changes nothing, so that its loss is no more; `unusable-library`
 */
export function usersOf(end: ProgramEnd, command: SdkCommand, cluster: string): ClusterUser[] {
  if (end.how === 'not-started') throw notInstalled(command.file, end.why);
  const why = end.how === 'cut-off' ? end.why : undefined;
  const answer = end.how === 'exited' ? answerIn(end.stdout) : undefined;
  const users = answer?.errorCode === 0 ? toUsers(answer.data) : undefined;
  if (users !== undefined) return users;
  const said = why ?? (end.how === 'exited' ? saidBy(end, []) : '');
  throw new HsmFailure(
    'unreachable',
    `${cluster}: cloudhsm-cli user list does not work (${said}); check that the cluster's HSMs are ACTIVE, that the way to their ports 2223 to 2225 is open, and that the trust anchor is the cluster's`,
  );
}

/**
 * Checks that a change of the password was made.
 * @param secrets are taken out of what the CLI says
 * @throws HsmFailure as `HsmConnection.changePassword` where it is a try
 */
export function checkPasswordChanged(
  end: ProgramEnd,
  command: SdkCommand,
  cluster: string,
  secrets: readonly string[],
): void {
  if (end.how === 'not-started') throw notInstalled(command.file, end.why);
  const answer = end.how === 'exited' ? answerIn(end.stdout) : undefined;
  if (end.how === 'exited' && end.code === 0 && answer?.errorCode === 0) return;
  const lost = (why: string): HsmFailure =>
    new HsmFailure(
      'no-answer',
      `${cluster}: cloudhsm-cli user change-password was not answered (${why}); whether the password was changed is not known`,
    );
  if (end.how === 'cut-off') throw lost(end.why);
  if (answer === undefined && end.code > SIGNALLED) throw lost(`ended by signal ${end.code - SIGNALLED}`);
  // A success that it takes back by its exit code, or an end in peace without a word: neither says what was done.
  if (end.code === 0 ? answer === undefined : answer?.errorCode === 0) throw lost('unreadable output');
  const said = saidBy(end, secrets);
  const known = CHANGE_FAILURES.find(({ says }) => says.test(said));
  const reason = known?.reason ?? 'hsm-error';
  const advice = known?.message ?? 'see the log of cloudhsm-cli';
  throw new HsmFailure(reason, `${cluster}: ${advice} (cloudhsm-cli user change-password: ${said})`);
}

/**
 * What a failed change says and means, the first that fits. The texts are not documented: these are the words by which
 * the guide speaks of each case. A text that fits none is an `hsm-error`, which is tried again.
 */
const CHANGE_FAILURES: readonly { says: RegExp; reason: HsmFailureReason; message: string }[] = [
  {
    says: /\b(already|currently|is|still) logged[ -]?in\b/i,
    reason: 'logged-in-elsewhere',
    message: 'kmsuser is logged in to the cluster somewhere else; log it out there',
  },
  {
    says: /\block(ed)?[ -]?out\b|\b(user|account|kmsuser)\b.{0,40}\blocked\b/i,
    reason: 'locked-out',
    message:
      "kmsuser is locked after too many wrong passwords; as an admin set a new password for it in the cluster, and update the store's KeyStorePassword",
  },
  {
    says: /(incorrect|invalid|wrong).{0,20}(credential|pin\b|login)|authentication fail|login fail/i,
    reason: 'wrong-password',
    message:
      "the password of kmsuser is not the one that the key store knows; update the store's KeyStorePassword",
  },
  {
    says: /user.{0,40}(does not exist|doesn't exist|not found|unknown)/i,
    reason: 'user-not-found',
    message: 'there is no crypto user kmsuser; create it on every HSM of the cluster',
  },
  {
    says: /password.{0,40}(length|characters|requirement|too (short|long))/i,
    reason: 'invalid-password',
    message: 'the cluster does not take the new password',
  },
  {
    says: /terminal|\btty\b|inappropriate ioctl|os error (6|25)\b/i,
    reason: 'unusable-library',
    message:
      'this version of cloudhsm-cli asks for the new password on a terminal only; install script (util-linux, on Debian bsdutils), which makes one',
  },
];

/**
 * Whether the command that `script` was to run never began: it found no terminal to make (a sandbox without /dev/ptmx),
 * and says so before anything else. Then the next way may be tried.
 */
export function neverBegan(end: ProgramEnd): boolean {
  if (end.how === 'not-started') return true;
  return (
    end.how === 'exited' && end.code !== 0 && /^\s*script: .*(pseudo|pty)/i.test(end.stderr + end.stdout)
  );
}

/** A part of the SDK that is not there, or cannot be run. */
export function notInstalled(file: string, why: string): HsmFailure {
  return new HsmFailure(
    'unusable-library',
    `${file} cannot be used (${why}); install AWS CloudHSM Client SDK 5 (packages cloudhsm-cli and cloudhsm-pkcs11), or set KEYMOOR_CLOUDHSM_DIR to its folder`,
  );
}

/** What a shell adds to the number of the signal that ended a command. */
const SIGNALLED = 128;

/** One answer of the CLI. `data` is a text where `errorCode` is not 0. */
interface CliAnswer {
  errorCode: number;
  data: unknown;
}

/** More opening brackets than stand in warnings before an answer. */
const MAX_BEGINNINGS = 50;

/**
 * The answer in what the CLI wrote: the JSON object with an `error_code` that goes up to the last bracket. Prompts and
 * warnings may stand before and after it, also on its line.
 */
function answerIn(output: string): CliAnswer | undefined {
  const end = output.lastIndexOf('}') + 1;
  let begin = output.indexOf('{');
  for (let tried = 0; begin >= 0 && begin < end && tried < MAX_BEGINNINGS; tried++) {
    const answer = toAnswer(output.slice(begin, end));
    if (answer !== undefined) return answer;
    begin = output.indexOf('{', begin + 1);
  }
  return undefined;
}

function toAnswer(text: string): CliAnswer | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { error_code: errorCode, data } = parsed as { error_code?: unknown; data?: unknown };
  return typeof errorCode === 'number' ? { errorCode, data } : undefined;
}

function toUsers(data: unknown): ClusterUser[] | undefined {
  const { users } = (data ?? {}) as { users?: unknown };
  if (!Array.isArray(users)) return undefined;
  const read = users.map(toUser);
  return read.every((user) => user !== undefined) ? read : undefined;
}

function toUser(entry: unknown): ClusterUser | undefined {
  const { username, role, locked, 'cluster-coverage': coverage } = (entry ?? {}) as Record<string, unknown>;
  if (typeof username !== 'string' || typeof role !== 'string') return undefined;
  return {
    username: username.toLowerCase(),
    type: USER_TYPES.get(role) ?? role,
    onEveryHsm: coverage === 'full' && role !== 'inconsistent',
    locked: locked !== 'false',
  };
}

/** What a program had to say, without secrets, fit for a message. */
function saidBy(end: { stdout: string; stderr: string; code: number }, secrets: readonly string[]): string {
  const answer = answerIn(end.stdout);
  const said = typeof answer?.data === 'string' ? answer.data : `${end.stderr} ${end.stdout}`;
  const masked = secrets.reduce(
    (text, secret) => (secret === '' ? text : text.replaceAll(secret, '***')),
    said,
  );
  const line = cleanText(masked.replace(/\s+/g, ' ').trim());
  return line === '' ? `exit code ${end.code}` : line;
}
