import { HsmFailure } from '../../../clients/hsm/hsm-login';
import type { HsmConnection, HsmTarget } from '../../../clients/hsm/hsm-login';
import { openHsmLogin } from '../../../clients/hsm/open-hsm-login';
import { eventually } from '../eventually';
import { stopClock } from '../stopped-clock';
import { connectedCluster, startWorld } from '../simulated-world';
import type { KmsuserFacts, NewCluster, SimulatedWorld } from '../simulated-world';

const ACCOUNT = '111111111111';
const PASSWORD = 'kmsPswd1';
const CANARY = 'cAnArY0password';
/** Long enough that it never decides a test which is not about time. */
const AMPLE_MS = 20_000;

describe('logging in to a simulated HSM', () => {
  let world: SimulatedWorld;
  let made: NewCluster;
  let target: HsmTarget;
  let opened: HsmConnection[];

  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world.close());

  beforeEach(async () => {
    opened = [];
    ({ made, target } = await newTarget());
  });
  afterEach(async () => {
    for (const connection of opened) connection.close();
    await world.control('DELETE', 'faults');
  });

  async function newTarget(settings: object = {}): Promise<{ made: NewCluster; target: HsmTarget }> {
    const built = await connectedCluster(world, ACCOUNT, settings);
    const hsm = built.cluster.hsms[0];
    return {
      made: built.made,
      target: {
        clusterId: built.made.ClusterId,
        hsmId: hsm?.hsmId ?? '',
        eniIp: hsm?.eniIp ?? '',
        addresses: [hsm?.eniIp ?? ''],
        accountId: ACCOUNT,
        securityGroupId: built.securityGroupId,
        owner: 'cks-0123456789abcdef0',
        trustAnchorCertificate: built.made.TrustAnchorCertificate,
      },
    };
  }
  async function connect(
    to: HsmTarget = target,
    timeoutMs = AMPLE_MS,
    signal?: AbortSignal,
  ): Promise<HsmConnection> {
    const login = openHsmLogin('simulator', { simulatorUrl: world.url });
    const connection = await login.connect(to, { timeoutMs, ...(signal === undefined ? {} : { signal }) });
    opened.push(connection);
    return connection;
  }
  async function failureOf(call: Promise<unknown>): Promise<HsmFailure> {
    const error = await call.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(HsmFailure);
    expect((error as HsmFailure).message).not.toMatch(new RegExp(`${PASSWORD}|${CANARY}`));
    return error as HsmFailure;
  }
  const change = (hsm: HsmConnection, sessionId: string | undefined, newPassword: string) =>
    hsm.changePassword({ sessionId, username: 'kmsuser', currentPassword: '', newPassword });
  const facts = async () =>
    (await world.control<KmsuserFacts>('GET', `clusters/${made.ClusterId}`)).kmsuser ?? undefined;
  const fault = (operation: string, effect: string) =>
    world.control('POST', 'faults', { service: 'hsm', operation, effect, resourceId: made.ClusterId });

  /** How a call with a fault fails; where its request hangs, the time is let run out as soon as it does. */
  async function reasonOf(effect: string, call: () => Promise<unknown>): Promise<string> {
    if (effect !== 'hang') return (await failureOf(call())).reason;
    const hung = async (): Promise<number> =>
      (await world.control<{ outcome: string }[]>('GET', 'calls?service=hsm')).filter(
        ({ outcome }) => outcome === 'hang',
      ).length;
    const before = await hung();
    const clock = stopClock();
    try {
      const failure = failureOf(call());
      await eventually(async () => (await hung()) > before);
      clock.pass(AMPLE_MS);
      return (await failure).reason;
    } finally {
      clock.release();
    }
  }

  test('kmsuser logs in, changes the password and logs out', async () => {
    const hsm = await connect();
    await expect(hsm.listUsers()).resolves.toContainEqual({ username: 'kmsuser', type: 'CU' });
    const session = await hsm.login('kmsuser', PASSWORD);
    await expect(facts()).resolves.toMatchObject({ loggedIn: true, logins: 1 });
    await change(hsm, session, CANARY);
    await expect(facts()).resolves.toMatchObject({ password: CANARY, passwordChanges: 1, loggedIn: true });
    await hsm.logout(session);
    await expect(facts()).resolves.toMatchObject({ loggedIn: false });
  });

  test("a session outlives its connection, and its owner's log-out without an id ends it", async () => {
    const first = await connect();
    await first.login('kmsuser', PASSWORD);
    first.close();
    const second = await connect();
    await expect(facts()).resolves.toMatchObject({ loggedIn: true });
    await second.logout();
    await second.logout();
    await expect(facts()).resolves.toMatchObject({ loggedIn: false });
  });

  test("the owner's next login takes over, anybody else's is refused", async () => {
    await (await connect()).login('kmsuser', PASSWORD);
    const session = await (await connect()).login('kmsuser', PASSWORD);
    expect(session).not.toBe('');
    const stranger = await connect({ ...target, owner: 'cks-fffffffffffffffff' });
    expect((await failureOf(stranger.login('kmsuser', PASSWORD))).reason).toBe('logged-in-elsewhere');
  });

  test('a wrong password counts, and five in a row lock the user', async () => {
    const hsm = await connect();
    for (let attempt = 1; attempt <= 5; attempt++)
      expect((await failureOf(hsm.login('kmsuser', CANARY))).reason).toBe('wrong-password');
    expect((await failureOf(hsm.login('kmsuser', PASSWORD))).reason).toBe('locked-out');
    await expect(facts()).resolves.toMatchObject({ locked: true, failedLogins: 5, logins: 0 });
  });

  test('kmsuser that is absent, or logged in elsewhere, is told apart', async () => {
    const hsm = await connect();
    await world.control('PATCH', `clusters/${made.ClusterId}`, { kmsuser: { loggedInElsewhere: true } });
    expect((await failureOf(hsm.login('kmsuser', PASSWORD))).reason).toBe('logged-in-elsewhere');
    await world.control('PATCH', `clusters/${made.ClusterId}`, { kmsuser: null });
    expect((await failureOf(hsm.login('kmsuser', PASSWORD))).reason).toBe('user-not-found');
    expect((await hsm.listUsers()).map((user) => user.username)).not.toContain('kmsuser');
  });

  test('a password can be changed in a living session only, and to one that fits', async () => {
    const hsm = await connect();
    const session = await hsm.login('kmsuser', PASSWORD);
    expect((await failureOf(change(hsm, session, 'short1'))).reason).toBe('invalid-password');
    await hsm.logout(session);
    expect((await failureOf(change(hsm, session, CANARY))).reason).toBe('session-ended');
    await expect(facts()).resolves.toMatchObject({ password: PASSWORD, passwordChanges: 0 });
  });

  test("an HSM that does not chain to the store's trust anchor is not trusted", async () => {
    const other = await newTarget();
    const wrong = { ...target, trustAnchorCertificate: other.target.trustAnchorCertificate };
    const failure = await failureOf(connect(wrong));
    expect(failure.reason).toBe('untrusted-certificate');
    expect(failure.message).toContain('trust anchor');
    const garbage = { ...target, trustAnchorCertificate: 'no certificate' };
    expect((await failureOf(connect(garbage))).reason).toBe('untrusted-certificate');
  });

  test('an HSM is trusted by its own anchor alone, whichever was used before', async () => {
    const other = await newTarget();
    const { trustAnchorCertificate } = other.target;
    for (let round = 0; round < 2; round += 1) {
      await expect(connect(target)).resolves.toBeDefined();
      await expect(connect(other.target)).resolves.toBeDefined();
      const crossed = await failureOf(connect({ ...target, trustAnchorCertificate }));
      expect(crossed.reason).toBe('untrusted-certificate');
    }
  });

  test('an HSM of a related cluster, with the same certificate authority, is not taken for one of this', async () => {
    const related = await newTarget({ relatedTo: made.ClusterId });
    const failure = await failureOf(connect({ ...related.target, clusterId: made.ClusterId }));
    expect(failure.reason).toBe('untrusted-certificate');
    expect(failure.message).toContain(related.made.ClusterId);
  });

  test('an HSM with the address of another one is not taken for it', async () => {
    const [one, two] = made.HsmIds;
    const other = target.hsmId === one ? two : one;
    expect((await failureOf(connect({ ...target, hsmId: other ?? '' }))).reason).toBe('unreachable');
  });

  test('without a network interface of the group, or with the network down, an HSM is unreachable', async () => {
    const stranger = { ...target, securityGroupId: 'sg-00000000000000000' };
    expect((await failureOf(connect(stranger))).reason).toBe('unreachable');
    await world.control('PATCH', `clusters/${made.ClusterId}`, { reachable: false });
    expect((await failureOf(connect(target, 300))).reason).toBe('unreachable');
  });

  test('a simulator that is away makes every HSM unreachable', async () => {
    const away = await startWorld();
    await away.close();
    const login = openHsmLogin('simulator', { simulatorUrl: away.url });
    const failure = await failureOf(login.connect(target));
    expect(failure.reason).toBe('unreachable');
    expect(failure.message).toContain('ECONNREFUSED');
  });

  test.each(['reset', 'lost-reply', 'hang'])(
    'a connect with %s is unreachable: nothing was asked yet',
    async (effect) => {
      await fault('Connect', effect);
      expect(await reasonOf(effect, () => connect())).toBe('unreachable');
    },
  );

  const LOST: [effect: string, done: boolean][] = [
    ['lost-reply', true],
    ['reset', false],
    ['hang', false],
  ];
  test.each(LOST)('a login with %s has no answer, whether it was done or not', async (effect, done) => {
    const hsm = await connect();
    await fault('Login', effect);
    expect(await reasonOf(effect, () => hsm.login('kmsuser', PASSWORD))).toBe('no-answer');
    await expect(facts()).resolves.toMatchObject({ logins: done ? 1 : 0 });
    expect((await failureOf(hsm.login('kmsuser', PASSWORD))).reason).toBe('unreachable');
  });

  test.each(LOST)(
    'a change of password with %s has no answer, whether it was done or not',
    async (effect, done) => {
      const hsm = await connect();
      const session = await hsm.login('kmsuser', PASSWORD);
      await fault('ChangePassword', effect);
      expect(await reasonOf(effect, () => change(hsm, session, CANARY))).toBe('no-answer');
      await expect(facts()).resolves.toMatchObject({ password: done ? CANARY : PASSWORD });
    },
  );

  test('another error of an HSM is told as such, and the connection lives on', async () => {
    const hsm = await connect();
    await fault('Login', 'error');
    const failure = await failureOf(hsm.login('kmsuser', PASSWORD));
    expect(failure.reason).toBe('hsm-error');
    await expect(hsm.login('kmsuser', PASSWORD)).resolves.not.toBe('');
  });

  test('a cancelled connect throws the reason and opens nothing', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled');
    await fault('Connect', 'hang');
    const connecting = connect(target, AMPLE_MS, controller.signal);
    setImmediate(() => controller.abort(reason));
    await expect(connecting).rejects.toBe(reason);
    await expect(connect(target, AMPLE_MS, controller.signal)).rejects.toBe(reason);
  });
});

describe('ways to log in', () => {
  test('PKCS#11 needs the file that says where', () => {
    expect(() => openHsmLogin('pkcs11', {})).toThrow(/^KEYMOOR_HSM=pkcs11 needs KEYMOOR_PKCS11_FILE.*$/);
  });
  test('the simulator needs its address', () => {
    expect(() => openHsmLogin('simulator', {})).toThrow(
      /^KEYMOOR_HSM=simulator needs KEYMOOR_SIMULATOR_URL.*$/,
    );
  });
});
