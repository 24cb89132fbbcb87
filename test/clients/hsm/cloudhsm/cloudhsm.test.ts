import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCloudHsmLogin } from '../../../../clients/hsm/cloudhsm/cloudhsm';
import { HsmBusy, HsmFailure } from '../../../../clients/hsm/hsm-login';
import type { HsmConnection, HsmTarget } from '../../../../clients/hsm/hsm-login';
import { installCloudHsmSdk, missingForCloudHsmSdk } from '../../../harness/cloudhsm-sdk';
import type { CloudHsmSdk, SdkFault, SdkLogEntry, SdkRequest } from '../../../harness/cloudhsm-sdk';
import { LEASH_PROGRAM, TOKEN_PROGRAM } from '../../../harness/softhsm';
import { eventually } from '../../eventually';
import { stopClock } from '../../stopped-clock';
import type { StoppedClock } from '../../stopped-clock';

const PASSWORD = 'kmsPswd1';
const CANARY = 'cAnArY0password';
const WRONG = 'wrOng0password';
/** The default of `createCloudHsmLogin`. */
const LIMIT_MS = 20_000;
const SECRETS = new RegExp(`${PASSWORD}|${CANARY}|${WRONG}`);

const missing = missingForCloudHsmSdk();
const SUITE = "logging in by a stand-in for AWS's Client SDK 5";
const [suite, name] =
  missing === undefined ? [describe, SUITE] : [describe.skip, `${SUITE} (skipped: ${missing} is missing)`];

suite(name, () => {
  let sdk: CloudHsmSdk;
  let clusters = 0;
  let target: HsmTarget;
  let opened: HsmConnection[];
  let logBefore: number;

  beforeAll(async () => {
    sdk = await installCloudHsmSdk();
  });
  afterAll(() => sdk.remove());

  beforeEach(async () => {
    opened = [];
    target = await newTarget();
    logBefore = sdk.log().length;
  });
  afterEach(() => {
    for (const connection of opened) connection.close();
    for (const request of REQUESTS) sdk.fault(request, undefined);
  });

  const REQUESTS: SdkRequest[] = [
    ...(['configure-cli', 'configure-pkcs11', 'user list', 'user change-password'] as const),
    ...(['C_Initialize', 'C_Login', 'C_Login after'] as const),
  ];

  async function newTarget(): Promise<HsmTarget> {
    const number = ++clusters;
    const clusterId = `cluster-abcdefghij${number}`;
    const trustAnchorCertificate = `trust anchor ${number}\n`;
    const addresses = [`10.0.${number}.10`, `10.0.${number}.11`];
    await sdk.addCluster({ clusterId, trustAnchorCertificate, password: PASSWORD, addresses });
    return {
      clusterId,
      trustAnchorCertificate,
      addresses,
      hsmId: 'hsm-abcdefghijk',
      eniIp: addresses[0] ?? '',
      securityGroupId: 'sg-0123456789abcdef0',
      accountId: '111111111111',
      owner: `cks-${String(number).padStart(17, '0')}`,
    };
  }
  const login = (settings: { folder?: string; timeoutMs?: number } = {}) =>
    createCloudHsmLogin({
      folder: sdk.folder,
      programFile: TOKEN_PROGRAM,
      leashFile: LEASH_PROGRAM,
      ...settings,
    });
  async function connect(
    to: HsmTarget = target,
    options: { timeoutMs?: number; signal?: AbortSignal; onStage?: (stage: string) => void } = {},
  ): Promise<HsmConnection> {
    const connection = await login().connect(to, options);
    opened.push(connection);
    return connection;
  }
  const change = (to: HsmConnection, newPassword = CANARY, currentPassword = PASSWORD): Promise<void> =>
    to.changePassword({ sessionId: undefined, username: 'kmsuser', currentPassword, newPassword });
  async function failureOf(call: Promise<unknown>): Promise<HsmFailure> {
    const error = await call.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(HsmFailure);
    expect((error as HsmFailure).message).not.toMatch(SECRETS);
    return error as HsmFailure;
  }
  const reasonOf = async (call: Promise<unknown>) => (await failureOf(call)).reason;
  const facts = () => sdk.cluster(target.clusterId);
  const works = (password: string) => sdk.passwordWorks(target.clusterId, password);
  const asked = (): SdkLogEntry[] => sdk.log().slice(logBefore);
  const namesAsked = () => asked().map((entry) => entry.name);
  const pidOf = (entry: SdkLogEntry | undefined): number => {
    if (entry === undefined) throw new Error('it was never asked');
    return entry.pid;
  };
  const lives = (pid: number): boolean => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  };

  test('kmsuser is found, logs in, and changes the password', async () => {
    const hsm = await connect();
    await expect(hsm.listUsers()).resolves.toEqual([
      { username: 'admin', type: 'CO' },
      { username: 'app_user', type: 'AU' },
      { username: 'kmsuser', type: 'CU' },
    ]);
    await expect(hsm.login('kmsuser', PASSWORD)).resolves.toBeUndefined();
    await change(hsm);
    await expect(hsm.login('kmsuser', CANARY)).resolves.toBeUndefined();
    expect(await reasonOf(hsm.login('kmsuser', PASSWORD))).toBe('wrong-password');
    await expect(hsm.logout()).resolves.toBeUndefined();
    expect(await works(CANARY)).toBe(true);
  });

  test('no session and no process is left of a login', async () => {
    const hsm = await connect();
    await hsm.login('kmsuser', PASSWORD);
    await failureOf(hsm.login('kmsuser', WRONG));
    const pids = asked().flatMap((entry) => (entry.name === 'C_Login' ? [entry.pid] : []));
    expect(pids).toHaveLength(2);
    await eventually(() => !pids.some(lives));
  });

  test('it speaks for the whole cluster, and a change is a try', async () => {
    expect(login().reach).toBe('whole-cluster');
    expect((await connect()).changeIsATry).toBe(true);
  });

  test('a check is told of each thing that works', async () => {
    const stages: string[] = [];
    const hsm = await connect(target, { onStage: (stage) => stages.push(stage) });
    await hsm.login('kmsuser', PASSWORD);
    expect(stages).toEqual([
      expect.stringContaining(sdk.folder),
      expect.stringContaining(target.addresses.join(', ')),
      expect.stringContaining('3 users'),
      expect.stringContaining('library loaded'),
      expect.stringContaining('token found'),
    ]);
  });

  describe('what the cluster says of kmsuser', () => {
    test('a wrong password is one try, on login and on change', async () => {
      const hsm = await connect();
      expect(await reasonOf(hsm.login('kmsuser', WRONG))).toBe('wrong-password');
      expect(facts().failedLogins).toBe(1);
      expect(await reasonOf(change(hsm, CANARY, WRONG))).toBe('wrong-password');
      expect(facts().failedLogins).toBe(2);
      expect(await works(PASSWORD)).toBe(true);
    });

    test('a locked user costs no try', async () => {
      sdk.changeCluster(target.clusterId, (cluster) => (cluster.failedLogins = 5));
      const hsm = await connect();
      expect(await reasonOf(hsm.login('kmsuser', PASSWORD))).toBe('locked-out');
      expect(await reasonOf(change(hsm))).toBe('locked-out');
      expect(namesAsked()).not.toContain('C_Login');
      expect(namesAsked()).not.toContain('user change-password');
    });

    test('a user that the login finds locked is told so', async () => {
      sdk.fault('C_Login', { effect: 'return', returns: 0xa4 });
      expect(await reasonOf((await connect()).login('kmsuser', PASSWORD))).toBe('locked-out');
    });

    test.each<[string, { username: string; role: 'crypto-user' | 'admin' | 'inconsistent' }[] | 'one HSM']>([
      ['that is not there', []],
      ['that is an admin', [{ username: 'kmsuser', role: 'admin' }]],
      ['whose roles differ', [{ username: 'kmsuser', role: 'inconsistent' }]],
      ['that one HSM does not know', 'one HSM'],
    ])('a user %s is not tried', async (_, users) => {
      const on = [facts().hsms[0]?.address ?? ''];
      sdk.changeCluster(target.clusterId, (cluster) => {
        cluster.users = users === 'one HSM' ? [{ username: 'kmsuser', role: 'crypto-user', on }] : users;
      });
      const hsm = await connect();
      expect(await hsm.listUsers()).not.toContainEqual({ username: 'kmsuser', type: 'CU' });
      expect(await reasonOf(hsm.login('kmsuser', PASSWORD))).toBe('user-not-found');
      expect(await reasonOf(change(hsm))).toBe('user-not-found');
      expect(namesAsked()).not.toContain('C_Login');
    });

    test('one that is logged in elsewhere keeps its password', async () => {
      sdk.changeCluster(target.clusterId, (cluster) => (cluster.loggedInElsewhere = true));
      const hsm = await connect();
      expect(await reasonOf(change(hsm))).toBe('logged-in-elsewhere');
      expect(await works(PASSWORD)).toBe(true);
    });

    test('a new password that the cluster does not take leaves the one in force', async () => {
      const hsm = await connect();
      expect(await reasonOf(change(hsm, 'short1'))).toBe('invalid-password');
      expect(await works(PASSWORD)).toBe(true);
    });

    test('a change from elsewhere is seen on the connection that was open before', async () => {
      const hsm = await connect();
      await hsm.login('kmsuser', PASSWORD);
      await sdk.setPassword(target.clusterId, CANARY);
      expect(await reasonOf(hsm.login('kmsuser', PASSWORD))).toBe('wrong-password');
      await hsm.login('kmsuser', CANARY);
    });
  });

  describe('a cluster or a software that cannot be used', () => {
    test('HSMs that are down are unreachable, before and after the connect', async () => {
      const hsm = await connect();
      // After a try nothing is known of the users any more.
      await hsm.login('kmsuser', PASSWORD);
      sdk.changeCluster(target.clusterId, (cluster) => cluster.hsms.forEach((one) => (one.up = false)));
      expect(await reasonOf(hsm.listUsers())).toBe('unreachable');
      expect(await reasonOf(hsm.login('kmsuser', PASSWORD))).toBe('unreachable');
      expect(await reasonOf(change(hsm))).toBe('unreachable');
      hsm.close();
      expect(await reasonOf(connect())).toBe('unreachable');
    });

    test('one HSM that is up is enough', async () => {
      sdk.changeCluster(target.clusterId, ({ hsms }) => hsms.slice(1).forEach((one) => (one.up = false)));
      await (await connect()).login('kmsuser', PASSWORD);
    });

    test("a trust anchor that is not the cluster's leads nowhere", async () => {
      expect(await reasonOf(connect({ ...target, trustAnchorCertificate: 'forged' }))).toBe('unreachable');
    });

    test('software that is not there is told by what is missing', async () => {
      const failure = await failureOf(login({ folder: join(sdk.folder, 'nowhere') }).connect(target));
      expect(failure.reason).toBe('unusable-library');
      expect(failure.message).toMatch(/configure-cli.*KEYMOOR_CLOUDHSM_DIR/);
    });

    test('a folder that cannot be written to is told', async () => {
      // In the place of the folder, so that it holds for root as well.
      writeFileSync(join(sdk.folder, 'etc', 'keymoor', 'cks-file'), '');
      const failure = await failureOf(connect({ ...target, owner: 'cks-file' }));
      expect(failure).toMatchObject({ reason: 'unusable-library' });
      expect(failure.message).toMatch(/writable/);
    });

    const broken: [SdkRequest, SdkFault, string][] = [
      ['configure-cli', { effect: 'answer', code: 1, answer: '', stderr: 'denied' }, 'unusable-library'],
      ['configure-pkcs11', { effect: 'crash' }, 'unreachable'],
      ['user list', { effect: 'crash-after' }, 'unreachable'],
      ['user list', { effect: 'answer', code: 0, answer: '<html>' }, 'unreachable'],
      ['user list', { effect: 'answer', code: 1, answer: { error_code: 1, data: 'down' } }, 'unreachable'],
    ];
    test.each(broken)('%s with %j fails the connect: %s', async (request, fault, reason) => {
      sdk.fault(request, fault);
      expect(await reasonOf(connect())).toBe(reason);
    });

    const brokenLogin: [SdkRequest, SdkFault, string][] = [
      ['user list', { effect: 'crash' }, 'unreachable'],
      ['C_Initialize', { effect: 'crash' }, 'unreachable'],
      ['C_Login', { effect: 'crash' }, 'no-answer'],
      ['C_Login after', { effect: 'crash' }, 'no-answer'],
    ];
    test.each(brokenLogin)('%s with %j fails the login alone: %s', async (request, fault, reason) => {
      const hsm = await connect();
      await hsm.login('kmsuser', PASSWORD);
      sdk.fault(request, fault);
      expect(await reasonOf(hsm.login('kmsuser', PASSWORD))).toBe(reason);
      sdk.fault(request, undefined);
      await hsm.login('kmsuser', PASSWORD);
    });
  });

  test('what user list said is not asked again until a password was tried', async () => {
    const listed = () =>
      sdk
        .log()
        .slice(logBefore)
        .filter(({ name }) => name === 'user list').length;
    const hsm = await connect();
    await hsm.listUsers();
    await hsm.login('kmsuser', PASSWORD);
    expect(listed()).toBe(1);
    await hsm.listUsers();
    expect(listed()).toBe(2);
  });

  describe('a change whose answer is lost', () => {
    const effects: [string, SdkFault, string, boolean][] = [
      ['dies before', { effect: 'crash' }, 'no-answer', false],
      ['dies after', { effect: 'crash-after' }, 'no-answer', true],
      ['stammers after', { effect: 'answer-after', code: 0, answer: '{"error' }, 'no-answer', true],
      [
        'is refused',
        { effect: 'answer', code: 1, answer: { error_code: 1, data: 'No' } },
        'hsm-error',
        false,
      ],
    ];
    test.each(effects)('when the CLI %s, the answer is %j → %s', async (_, fault, reason, done) => {
      const hsm = await connect();
      sdk.fault('user change-password', fault);
      expect(await reasonOf(change(hsm))).toBe(reason);
      sdk.fault('user change-password', undefined);
      expect(await works(done ? CANARY : PASSWORD)).toBe(true);
      await hsm.login('kmsuser', done ? CANARY : PASSWORD);
    });
  });

  describe('where the machine has no script to make a terminal', () => {
    const path = process.env['PATH'];
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'keymoor-path-'));
      symlinkSync(process.execPath, join(folder, 'node'));
      process.env['PATH'] = folder;
    });
    afterEach(() => {
      process.env['PATH'] = path;
      Reflect.deleteProperty(process.env, 'STAND_IN_READS_INPUT');
      rmSync(folder, { recursive: true });
    });

    test('a CLI that reads standard input changes the password', async () => {
      process.env['STAND_IN_READS_INPUT'] = '1';
      await change(await connect());
      process.env['PATH'] = path;
      expect(await works(CANARY)).toBe(true);
    });

    test('one that asks on a terminal alone says what to install', async () => {
      const failure = await failureOf(change(await connect()));
      expect(failure.reason).toBe('unusable-library');
      expect(failure.message).toMatch(/install script/);
      process.env['PATH'] = path;
      expect(await works(PASSWORD)).toBe(true);
    });
  });

  describe('what takes too long', () => {
    let clock: StoppedClock | undefined;
    afterEach(() => {
      clock?.release();
      clock = undefined;
    });

    /** The reason of a call whose time runs out when `hangs` holds; the call is made under a clock of the test's own. */
    async function reasonAfter(hangs: () => boolean | Promise<boolean>, call: () => Promise<unknown>) {
      clock = stopClock();
      const reason = reasonOf(call());
      await clock.passUntil(hangs);
      clock.pass(LIMIT_MS);
      return reason;
    }

    test.each<[SdkRequest, string]>([
      ['configure-cli', 'unreachable'],
      ['user list', 'unreachable'],
    ])('%s that hangs ends the connect, and is gone', async (request, reason) => {
      sdk.fault(request, { effect: 'hang' });
      const asks = () => namesAsked().includes(request);
      expect(await reasonAfter(asks, () => connect())).toBe(reason);
      const [hung] = asked().filter((entry) => entry.name === request);
      await eventually(() => !lives(pidOf(hung)));
      clock?.release();
      sdk.fault(request, undefined);
      await connect();
    });

    test.each<[SdkRequest, string]>([
      ['C_Initialize', 'unreachable'],
      ['C_Login', 'no-answer'],
    ])('%s that hangs ends the login, and its process is gone', async (request, reason) => {
      const hsm = await connect();
      sdk.fault(request, { effect: 'hang' });
      const asks = () => namesAsked().includes(request);
      expect(await reasonAfter(asks, () => hsm.login('kmsuser', PASSWORD))).toBe(reason);
      const [hung] = asked().filter((entry) => entry.name === request);
      await eventually(() => !lives(pidOf(hung)));
      clock?.release();
      sdk.fault(request, undefined);
      await hsm.login('kmsuser', PASSWORD);
    });

    test('a change that hangs is unanswered, and is gone', async () => {
      const hsm = await connect();
      sdk.fault('user change-password', { effect: 'hang-after' });
      expect(
        await reasonAfter(
          () => works(CANARY),
          () => change(hsm),
        ),
      ).toBe('no-answer');
      const [hung] = asked().filter((entry) => entry.name === 'user change-password');
      await eventually(() => !lives(pidOf(hung)));
      expect(await works(CANARY)).toBe(true);
    });
  });

  describe('turns', () => {
    test('a second store waits until the first has closed, and each has its own configuration', async () => {
      const other = await newTarget();
      await sdk.setPassword(other.clusterId, CANARY);
      const first = await connect();
      const waiting = connectWhenFree(other);
      await first.login('kmsuser', PASSWORD);
      expect(await reasonOf(first.login('kmsuser', CANARY))).toBe('wrong-password');
      expect(asked().flatMap((entry) => entry.args ?? [])).not.toContain(other.addresses[0]);
      first.close();
      const second = await waiting;
      await second.login('kmsuser', CANARY);
      expect(sdk.cluster(other.clusterId).failedLogins).toBe(0);
    });

    /** As steps do: whoever waited too long comes back. */
    async function connectWhenFree(to: HsmTarget): Promise<HsmConnection> {
      for (;;) {
        try {
          return await connect(to);
        } catch (error) {
          if (!(error instanceof HsmBusy)) throw error;
        }
      }
    }

    test('requests of many stores at once never meet', async () => {
      const targets = [target, await newTarget(), await newTarget()];
      for (const [index, to] of targets.entries()) await sdk.setPassword(to.clusterId, `password${index}`);
      await Promise.all(
        targets.map(async (to, index) => {
          const hsm = await connectWhenFree(to);
          await hsm.login('kmsuser', `password${index}`);
          await change(hsm, `changed0${index}`, `password${index}`);
          await hsm.login('kmsuser', `changed0${index}`);
          hsm.close();
        }),
      );
      for (const to of targets) expect(sdk.cluster(to.clusterId).failedLogins).toBe(0);
    });

    test('a connect that fails gives its turn back', async () => {
      sdk.fault('user list', { effect: 'crash' });
      expect(await reasonOf(connect())).toBe('unreachable');
      sdk.fault('user list', undefined);
      await connect();
    });

    test('one that is cancelled while it waits is told so, and holds nobody up', async () => {
      const first = await connect();
      const control = new AbortController();
      const second = connect(target, { signal: control.signal });
      const third = connect();
      const cancelled = new Error('cancelled');
      control.abort(cancelled);
      await expect(second).rejects.toBe(cancelled);
      first.close();
      await third;
    });

    test('a deadline that passes during the wait is no cancellation', async () => {
      await connect();
      await expect(connect(target, { signal: AbortSignal.timeout(50) })).rejects.toBeInstanceOf(HsmBusy);
    });

    test('the wait counts towards no time limit', async () => {
      const first = await connect();
      const clock = stopClock();
      try {
        const stages: string[] = [];
        const second = connect(target, { onStage: (stage) => stages.push(stage) });
        let ended = false;
        const end = () => (ended = true);
        second.then(end, end);
        // It has begun, and does nothing but wait.
        await eventually(() => stages.length === 1);
        clock.pass(2 * LIMIT_MS);
        first.close();
        await clock.passUntil(() => ended);
        await second;
      } finally {
        clock.release();
      }
    });
  });

  describe('cancellation', () => {
    test.each<SdkRequest>(['configure-pkcs11', 'user list'])(
      'during %s it ends the connect, and gives the turn back',
      async (request) => {
        const control = new AbortController();
        const cancelled = new Error('cancelled');
        sdk.fault(request, { effect: 'hang' });
        const connecting = connect(target, { signal: control.signal });
        connecting.catch(() => undefined);
        await eventually(() => namesAsked().includes(request));
        control.abort(cancelled);
        await expect(connecting).rejects.toBe(cancelled);
        sdk.fault(request, undefined);
        await connect();
      },
    );

    test.each<SdkRequest>(['user change-password', 'C_Login'])(
      'during %s it ends the request, and gives the turn back without a close',
      async (request) => {
        const control = new AbortController();
        const cancelled = new Error('cancelled');
        const hsm = await connect(target, { signal: control.signal });
        sdk.fault(request, { effect: 'hang' });
        const requested = request === 'C_Login' ? hsm.login('kmsuser', PASSWORD) : change(hsm);
        requested.catch(() => undefined);
        await eventually(() => namesAsked().includes(request));
        control.abort(cancelled);
        await expect(requested).rejects.toBe(cancelled);
        sdk.fault(request, undefined);
        await connect();
      },
    );

    test('a deadline during a change leaves it unanswered', async () => {
      const control = new AbortController();
      const hsm = await connect(target, { signal: control.signal });
      sdk.fault('user change-password', { effect: 'hang' });
      const changing = change(hsm);
      changing.catch(() => undefined);
      await eventually(() => namesAsked().includes('user change-password'));
      control.abort(new DOMException('late', 'TimeoutError'));
      expect(await reasonOf(changing)).toBe('no-answer');
    });

    test('before the connect nothing is asked', async () => {
      const cancelled = new Error('cancelled');
      await expect(connect(target, { signal: AbortSignal.abort(cancelled) })).rejects.toBe(cancelled);
      expect(asked()).toEqual([]);
    });

    test('a closed connection asks nothing any more', async () => {
      const hsm = await connect();
      hsm.close();
      hsm.close();
      const before = sdk.log().length;
      expect(await reasonOf(hsm.login('kmsuser', PASSWORD))).toBe('unreachable');
      expect(await reasonOf(change(hsm))).toBe('unreachable');
      expect(sdk.log()).toHaveLength(before);
    });
  });

  describe('secrets and files', () => {
    test('no password is in a command line, in another command, or in a file', async () => {
      const hsm = await connect();
      await hsm.login('kmsuser', PASSWORD);
      await failureOf(hsm.login('kmsuser', WRONG));
      await change(hsm);
      await hsm.login('kmsuser', CANARY);
      for (const { name, args, environment } of asked()) {
        expect(args?.join(' ') ?? '').not.toMatch(SECRETS);
        expect(environment?.['CLOUDHSM_PIN'] !== undefined).toBe(name === 'user change-password');
        expect(environment?.['CLOUDHSM_ROLE']).toBe(
          name === 'user change-password' ? 'crypto-user' : undefined,
        );
      }
      for (const file of filesBelow(sdk.folder)) expect(readFileSync(file, 'latin1')).not.toMatch(SECRETS);
    });

    test('secrets of the worker are in no command', async () => {
      process.env['AWS_SECRET_ACCESS_KEY'] = 'secret';
      process.env['DATABASE_URL'] = 'postgres://secret';
      try {
        await connect();
      } finally {
        Reflect.deleteProperty(process.env, 'AWS_SECRET_ACCESS_KEY');
        Reflect.deleteProperty(process.env, 'DATABASE_URL');
      }
      for (const { environment } of asked()) {
        expect(environment).not.toHaveProperty('AWS_SECRET_ACCESS_KEY');
        expect(environment).not.toHaveProperty('DATABASE_URL');
      }
    });

    test('each store has a folder of its own for its trust anchor, which is written anew', async () => {
      const other = await newTarget();
      for (const to of [target, other, target]) (await connect(to)).close();
      for (const to of [target, other]) {
        const folder = join(sdk.folder, 'etc', 'keymoor', to.owner);
        const file = join(folder, 'customerCA.crt');
        expect(readdirSync(folder)).toEqual(['customerCA.crt']);
        expect(readFileSync(file, 'utf8')).toBe(to.trustAnchorCertificate);
        expect([folder, file].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o644]);
      }
      const changed = { ...target, trustAnchorCertificate: 'another\n' };
      sdk.changeCluster(target.clusterId, (one) => (one.trustAnchorCertificate = 'another\n'));
      await connect(changed);
    });
  });
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.path, entry.name));
}
