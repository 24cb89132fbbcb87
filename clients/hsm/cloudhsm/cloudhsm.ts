import { access, chmod, constants, mkdir, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isDeadline, throwIfCancelled } from '../../call-options';
import { childEnvironment } from '../child-environment';
import { HsmBusy, HsmFailure } from '../hsm-login';
import type {
  HsmConnectOptions,
  HsmConnection,
  HsmLogin,
  HsmTarget,
  HsmUser,
  PasswordChange,
} from '../hsm-login';
import { openToken } from '../pkcs11/token';
import {
  changePasswordCommands,
  checkConfigured,
  checkPasswordChanged,
  clientSdkIn,
  configureCommands,
  neverBegan,
  notInstalled,
  pinOf,
  userListCommand,
  usersOf,
} from './client-sdk';
import type { ClientSdk, ClusterUser, SdkCommand } from './client-sdk';
import { runProgram } from './run-program';
import type { ProgramEnd } from './run-program';
import { takeTurn } from './turns';

/** Where AWS's client software is. */
export interface CloudHsmLoginConfig {
  /** of AWS CloudHSM Client SDK 5 (`KEYMOOR_CLOUDHSM_DIR`); the process must be allowed to write to its `etc` */
  folder: string;
  /** the program that holds the PKCS#11 library; default: the compiled one */
  programFile?: string;
  /** compiled `leash-main.ts`; default: the one beside the compiled cloudhsm.ts */
  leashFile?: string;
  /** milliseconds per connect and per request, unless the call says otherwise; default 20000 */
  timeoutMs?: number;
}

/**
 * Logs in to AWS CloudHSM clusters by AWS's own client software. Its configuration names one cluster for the whole
 * machine, so that connections take turns: one has the software from `connect` to `close`, and the others wait, or come
 * back later (`HsmBusy`). The wait counts towards no time limit; the signal ends it. Processes of one machine wait for each other, too; containers
 * do not see each other, so that a folder of the SDK belongs to one worker.
 */
export function createCloudHsmLogin(config: CloudHsmLoginConfig): HsmLogin {
  const sdk = clientSdkIn(resolve(config.folder));
  return {
    reach: 'whole-cluster',
    keepsSessions: false,
    async connect(target: HsmTarget, options: HsmConnectOptions = {}): Promise<HsmConnection> {
      throwIfCancelled(options.signal);
      await checkInstalled(sdk);
      options.onStage?.(`AWS CloudHSM Client SDK 5 is in ${sdk.folder}`);
      const connection = new CloudHsmConnection(sdk, target, {
        ...options,
        timeoutMs: options.timeoutMs ?? config.timeoutMs ?? 20_000,
        leashFile: config.leashFile ?? join(__dirname, 'leash-main.js'),
        ...(config.programFile === undefined ? {} : { programFile: config.programFile }),
      });
      try {
        await connection.open();
        return connection;
      } catch (error) {
        connection.close();
        throwIfCancelled(options.signal);
        throw error;
      }
    },
  };
}

/** Whoever waits longer makes room for others in the worker, and comes back. */
const LONGEST_WAIT_MS = 5_000;

/** Somebody who locks or deletes kmsuser within this time makes a try fail that would not have been made. */
const LIST_IS_FRESH_MS = 3_000;

interface ConnectionOptions extends HsmConnectOptions {
  timeoutMs: number;
  leashFile: string;
  programFile?: string;
}

/** What a request may use: it ends by `deadline` (milliseconds since 1970). */
type Request<T> = (deadline: number) => Promise<T>;

class CloudHsmConnection implements HsmConnection {
  readonly changeIsATry = true;
  private readonly name: string;
  /** aborted once the connection is closed */
  private readonly closing = new AbortController();
  private queue: Promise<unknown> = Promise.resolve();
  /** what `user list` said last, as long as nothing was tried since */
  private seen: { users: ClusterUser[]; until: number } | undefined;

  constructor(
    private readonly sdk: ClientSdk,
    private readonly target: HsmTarget,
    private readonly options: ConnectionOptions,
  ) {
    this.name = `cluster ${target.clusterId}`;
    if (options.signal?.aborted === true) this.close();
    else options.signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  /** Waits for the turn, configures the SDK for the cluster, and sees that the cluster answers. */
  async open(): Promise<void> {
    const giveBack = await this.turn();
    // Whatever is under way at the close ends before the next one configures the SDK for another cluster.
    const release = (): void => void this.queue.then(giveBack);
    this.closing.signal.addEventListener('abort', release, { once: true });
    if (this.closing.signal.aborted) release();
    await this.request(async (deadline) => {
      const trustAnchorFile = await keepTrustAnchor(this.sdk, this.target);
      const { addresses } = this.target;
      const commands = configureCommands(this.sdk, { addresses, trustAnchorFile });
      const ends = await Promise.all(commands.map((command) => this.run(command, deadline)));
      for (const [index, command] of commands.entries()) {
        const end = ends[index];
        if (end) checkConfigured(end, command, this.name);
      }
      this.tell(`it is configured for ${this.name}, HSMs ${addresses.join(', ')}`);
      const users = await this.users(deadline);
      this.tell(
        `${this.name} answers, and its certificate fits the trust anchor; it has ${users.length} users`,
      );
    });
  }

  listUsers(): Promise<HsmUser[]> {
    return this.request(async (deadline) =>
      (await this.users(deadline))
        .filter((user) => user.onEveryHsm)
        .map(({ username, type }) => ({ username, type })),
    );
  }

  login(username: string, password: string): Promise<undefined> {
    return this.request(async (deadline) => {
      await this.checkMayTry(username, deadline);
      const { sdk, name, options } = this;
      const token = await openToken(
        { module: sdk.pkcs11Library, name },
        { ...options, timeoutMs: this.remaining(deadline), signal: this.closing.signal },
      );
      try {
        this.seen = undefined;
        await token.login(pinOf(username, password));
      } finally {
        token.close();
      }
      return undefined;
    });
  }

  changePassword({ username, currentPassword, newPassword }: PasswordChange): Promise<void> {
    return this.request(async (deadline) => {
      await this.checkMayTry(username, deadline);
      this.seen = undefined;
      const commands = changePasswordCommands(this.sdk, { username, currentPassword, newPassword });
      for (const command of commands) {
        const end = await this.run(command, deadline);
        if (neverBegan(end) && command !== commands.at(-1)) continue;
        return checkPasswordChanged(end, command, this.name, [currentPassword, newPassword]);
      }
    });
  }

  /** A login here is the proof of a password; no session is left of it. */
  logout(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.options.signal?.removeEventListener('abort', this.onAbort);
    this.closing.abort(this.options.signal?.aborted === true ? this.options.signal.reason : this.isClosed());
  }

  private readonly onAbort = (): void => this.close();

  private async turn(): Promise<() => void> {
    const patience = AbortSignal.timeout(LONGEST_WAIT_MS);
    try {
      return await takeTurn(this.sdk.folder, AbortSignal.any([this.closing.signal, patience]));
    } catch (error) {
      if (!isDeadline(error)) throw error;
      throw new HsmBusy(
        `${this.name}: another key store was using ${this.sdk.folder} all the time; connects through one folder of the SDK take turns`,
      );
    }
  }

  /** Runs a request when those before it have ended. A cancelled signal's reason wins over what came of it. */
  private request<T>(work: Request<T>): Promise<T> {
    const result = this.queue.then(async () => {
      if (this.closing.signal.aborted) throw this.isClosed();
      return work(Date.now() + this.options.timeoutMs);
    });
    this.queue = result.catch(() => undefined);
    return result.catch((error: unknown) => {
      throwIfCancelled(this.options.signal);
      throw error;
    });
  }

  /**
   * Looks before a password is tried, as a try may lock the user.
   * @throws HsmFailure `user-not-found`, `locked-out`, or what `user list` throws
   */
  private async checkMayTry(username: string, deadline: number): Promise<void> {
    const user = (await this.users(deadline)).find(
      (one) => one.username === username && one.type === 'CU' && one.onEveryHsm,
    );
    if (user === undefined)
      throw new HsmFailure(
        'user-not-found',
        `${this.name}: there is no crypto user ${username} on every HSM; create it on all of them`,
      );
    if (user.locked)
      throw new HsmFailure(
        'locked-out',
        `${this.name}: ${username} is locked after too many wrong passwords; as an admin set a new password for it in the cluster, and update the store's KeyStorePassword`,
      );
  }

  /** A program of the SDK takes its time to start: what was said just now need not be asked again. */
  private async users(deadline: number): Promise<ClusterUser[]> {
    if (this.seen && performance.now() < this.seen.until) return this.seen.users;
    const command = userListCommand(this.sdk);
    const users = usersOf(await this.run(command, deadline), command, this.name);
    this.seen = { users, until: performance.now() + LIST_IS_FRESH_MS };
    return users;
  }

  private async run(command: SdkCommand, deadline: number): Promise<ProgramEnd> {
    if (this.closing.signal.aborted) throw this.isClosed();
    return runProgram(
      { ...command, environment: childEnvironment(command.environment) },
      {
        timeoutMs: this.remaining(deadline),
        signal: this.closing.signal,
        leashFile: this.options.leashFile,
      },
    );
  }

  /** Nothing is begun once the time is over, also where this process was frozen meanwhile. */
  private remaining(deadline: number): number {
    const milliseconds = deadline - Date.now();
    if (milliseconds > 0) return milliseconds;
    throw new HsmFailure('unreachable', `${this.name}: the time was over before everything could be asked`);
  }

  private tell(stage: string): void {
    this.options.onStage?.(stage);
  }

  private isClosed(): HsmFailure {
    return new HsmFailure('unreachable', `${this.name}: the connection is closed; connect again`);
  }
}

/** @throws HsmFailure `unusable-library` that names the first part that is missing */
async function checkInstalled(sdk: ClientSdk): Promise<void> {
  const parts = [
    ...[sdk.configureCli, sdk.configurePkcs11, sdk.cli].map((file) => ({ file, mode: constants.X_OK })),
    { file: sdk.pkcs11Library, mode: constants.R_OK },
  ];
  for (const { file, mode } of parts) {
    await access(file, mode).catch((error: NodeJS.ErrnoException) => {
      throw notInstalled(file, error.code ?? 'unknown error');
    });
  }
}

/**
 * Writes the store's trust anchor to a folder of its own, so that one store's certificate never stands in for
 * another's.
 * @returns the file's path
 * @throws HsmFailure `unusable-library` where the SDK's folder cannot be written to
 */
async function keepTrustAnchor(sdk: ClientSdk, target: HsmTarget): Promise<string> {
  const folder = join(sdk.trustAnchors, target.owner);
  const file = join(folder, 'customerCA.crt');
  const draft = `${file}.${process.pid}.draft`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(draft, target.trustAnchorCertificate, { mode: 0o644, flush: true });
    // Whatever the umask: the certificate is public, and the SDK's tools may run as another user one day.
    await chmod(draft, 0o644);
    await rename(draft, file);
    return file;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new HsmFailure(
      'unusable-library',
      `cluster ${target.clusterId}: ${folder} cannot be written to (${code ?? 'unknown error'}); make the etc folder of the SDK writable for the worker's user`,
    );
  }
}
