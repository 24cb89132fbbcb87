import { ApplicationFailure } from '@temporalio/common';
import fc from 'fast-check';
import { createActivities } from '../../../activities/create-activities';
import type { Activities } from '../../../activities/create-activities';
import type { Dependencies } from '../../../activities/dependencies';
import { HsmFailure } from '../../../clients/hsm/hsm-login';
import type { HsmConnection } from '../../../clients/hsm/hsm-login';
import { inTransaction } from '../../../database/database';
import { loadPasswords, replaceGivenPassword } from '../../../database/queries/kmsuser-passwords';
import { isConnectionErrorCode } from '../../../keystore/connection-error-code';
import type { ConnectionErrorCode } from '../../../keystore/connection-error-code';
import type { CloudHsmKeyStore } from '../../../keystore/custom-key-store';
import type { OperationInput } from '../../../keystore/operation';
import { attempt } from '../../harness/attempt';
import { eventually } from '../../harness/eventually';
import { MortalWorker } from '../../harness/mortal-worker';
import type { Cut } from '../../harness/mortal-worker';
import { WHOLE } from '../../harness/sample';
import type { HsmAdmin, HsmKindUnderTest, HsmRig, Meddling } from './hsm-rig';

/** Each test makes connects by the dozen. */
jest.setTimeout(600_000);

const OF_MEDDLING: Readonly<Record<Meddling, ConnectionErrorCode>> = {
  locked: 'USER_LOCKED_OUT',
  absent: 'USER_NOT_FOUND',
  loggedInElsewhere: 'USER_LOGGED_IN',
  missingOnOneHsm: 'USER_NOT_FOUND',
};

/** A connect that goes on so long does not end. */
const MOST_ATTEMPTS = 60;

/** How `keepPendingPassword` shows among the effects. */
const KEEP_PENDING = 'sql INSERT secrets';
/** How `writeAcceptedLogin` does. */
const PROMOTE = 'sql DELETE secrets, UPDATE secrets, INSERT secrets, UPDATE login_attempts';

/** The steps that touch the password; those before them ran. */
const STEPS = ['loginKmsuser', 'rotatePassword'] as const;

/**
 * Rotation under fire: what every HsmLogin must survive. One of the two stored passwords is in force at any moment, and
 * no try is spent in vain: two wrong ones in a row at most, however often a worker dies and whatever answer is lost.
 */
export function rotationUnderFire(kind: HsmKindUnderTest): void {
  const whole = kind.isSlow !== true || WHOLE;
  let rig: HsmRig;
  /** of the last connect that failed, for whoever reads of a test that did */
  let whyNot = '';

  beforeAll(async () => {
    rig = await kind.open();
  });

  afterAll(() => rig.close());

  async function knownPasswords(store: CloudHsmKeyStore): Promise<string[]> {
    const known = await loadPasswords(rig.world.database.pool, rig.world.secrets, store.id);
    return [known?.current.password, known?.pending?.password].filter((password) => password !== undefined);
  }

  async function oneOfTheTwoIsInForce(store: CloudHsmKeyStore, admin: HsmAdmin): Promise<void> {
    const inForce: boolean[] = [];
    for (const password of await knownPasswords(store)) inForce.push(await admin.isInForce(password));
    expect(inForce).toContain(true);
  }

  /**
   * One connect, by workers that come one after another: the first of `workers` dies or fails as it is made to, then
   * the next takes over; after the last a healthy one. Returns how it ended.
   */
  async function connect(
    store: CloudHsmKeyStore,
    admin: HsmAdmin,
    workers: readonly (() => Dependencies | MortalWorker)[],
    between: Partial<Record<(typeof STEPS)[number], () => Promise<void>>> = {},
  ): Promise<'CONNECTED' | ConnectionErrorCode> {
    const { input } = await rig.world.accept('connect', store.id);
    const healthy = createActivities(rig.dependencies);
    const facts = await attempt(() => healthy.findCluster(input));
    const infrastructure = await attempt(() => healthy.createInfrastructure(input, facts));
    const next = [...workers];
    let worker = next.shift()?.() ?? rig.dependencies;
    let attempts = 0;
    for (const step of STEPS) {
      for (;;) {
        if (++attempts > MOST_ATTEMPTS) throw new Error(`${step} does not end`);
        const activities: Activities = createActivities(
          worker instanceof MortalWorker ? worker.dependencies : worker,
        );
        try {
          await attempt(() => activities[step](input, infrastructure));
          break;
        } catch (error) {
          const died = worker instanceof MortalWorker && worker.dead;
          if (!died) {
            if (!(error instanceof ApplicationFailure) || !isConnectionErrorCode(error.type)) throw error;
            if (error.nonRetryable === true) return await fail(healthy, input, error);
          }
          worker = next.shift()?.() ?? rig.dependencies;
          await oneOfTheTwoIsInForce(store, admin);
        }
      }
      await between[step]?.();
    }
    await attempt(() => healthy.recordOutcome(input, { event: 'connect-succeeded' }));
    return 'CONNECTED';
  }

  async function fail(
    activities: Activities,
    input: OperationInput,
    failure: ApplicationFailure,
  ): Promise<ConnectionErrorCode> {
    const connectionErrorCode = failure.type as ConnectionErrorCode;
    whyNot = failure.message;
    await attempt(() => activities.recordOutcome(input, { event: 'connect-failed', connectionErrorCode }));
    await attempt(() => activities.logoutKmsuser(input));
    await attempt(() => activities.releaseInfrastructure(input));
    return connectionErrorCode;
  }

  async function disconnect(store: CloudHsmKeyStore): Promise<void> {
    const { input } = await rig.world.accept('disconnect', store.id);
    const activities = createActivities(rig.dependencies);
    await attempt(() => activities.logoutKmsuser(input));
    await attempt(() => activities.releaseInfrastructure(input));
    await attempt(() => activities.recordOutcome(input, { event: 'disconnect-succeeded' }));
  }

  function mortal(death?: Cut): MortalWorker {
    return new MortalWorker(rig.dependencies, death);
  }

  /** What a connect does from the rotation on, where nobody dies; watched once. */
  let effects: Promise<{ all: readonly string[]; ofLogin: number }> | undefined;

  async function watchEffects(): Promise<{ all: readonly string[]; ofLogin: number }> {
    const { store, admin } = await rig.aStore();
    const watched = mortal();
    let ofLogin = 0;
    await connect(store, admin, [() => watched], {
      loginKmsuser: () => {
        ofLogin = watched.effects.length;
        return Promise.resolve();
      },
    });
    return { all: watched.effects, ofLogin };
  }

  /** The death at the first effect of the rotation whose name begins so. */
  async function deathAt(effect: string, when: Cut['when']): Promise<Cut> {
    const { all, ofLogin } = await (effects ??= watchEffects());
    const index = all.findIndex((name, at) => at >= ofLogin && name.startsWith(effect));
    if (index < 0) throw new Error(`no effect ${effect} among ${all.join(', ')}`);
    return { effect: index, when };
  }

  /** A worker whose requests to HSMs go another way; `request` is what it would do with them. */
  function meddledWith(
    meddle: (name: 'login' | 'changePassword', request: () => Promise<unknown>) => Promise<unknown>,
  ): Dependencies {
    const { hsm } = rig.dependencies;
    return {
      ...rig.dependencies,
      hsm: {
        ...hsm,
        async connect(target, options): Promise<HsmConnection> {
          const connection = await hsm.connect(target, options);
          return {
            changeIsATry: connection.changeIsATry,
            listUsers: () => connection.listUsers(),
            async login(username, password) {
              let session: string | undefined;
              await meddle('login', async () => (session = await connection.login(username, password)));
              return session;
            },
            async changePassword(change) {
              await meddle('changePassword', () => connection.changePassword(change));
            },
            logout: (sessionId) => connection.logout(sessionId),
            close: () => connection.close(),
          };
        },
      },
    };
  }

  /** A worker whose one request is done and never answered. */
  function losesReplyOf(request: 'login' | 'changePassword'): Dependencies {
    let lost = false;
    return meddledWith(async (name, send) => {
      const answer = await send();
      if (name !== request || lost) return answer;
      lost = true;
      throw new HsmFailure('no-answer', 'The reply was lost.');
    });
  }

  /** A worker whose HSM fails a request so many times, without doing it. */
  function failsAt(request: 'login' | 'changePassword', failure: HsmFailure, times: number): Dependencies {
    let failed = 0;
    return meddledWith((name, send) => {
      if (name !== request || failed === times) return send();
      failed += 1;
      return Promise.reject(failure);
    });
  }

  const wrongInARow = (tries: readonly boolean[]): number => {
    let [most, now] = [0, 0];
    for (const right of tries) {
      now = right ? 0 : now + 1;
      most = Math.max(most, now);
    }
    return most;
  };

  it('a connect rotates the password: the old one no longer works, and the next connect needs no Update', async () => {
    const { store, admin } = await rig.aStore();
    const [given = ''] = await knownPasswords(store);
    expect(await admin.isInForce(given)).toBe(true);
    expect(await connect(store, admin, [])).toBe('CONNECTED');
    expect(await admin.isInForce(given)).toBe(false);
    const [rotated = '', pending] = await knownPasswords(store);
    expect([rotated === given, pending, await admin.isInForce(rotated)]).toEqual([false, undefined, true]);
    await disconnect(store);
    expect(await connect(store, admin, [])).toBe('CONNECTED');
    expect(await admin.isInForce(rotated)).toBe(false);
    expect(await admin.tries()).not.toContain(false);
  });

  const deaths = [
    { what: 'after the change', effect: 'hsm changePassword', when: 'after' },
    { what: 'before the pending password is stored', effect: KEEP_PENDING, when: 'before' },
    { what: 'after the pending password is stored', effect: KEEP_PENDING, when: 'after' },
    { what: 'before the change', effect: 'hsm changePassword', when: 'before' },
    { what: 'before the proof', effect: 'hsm login', when: 'before' },
    { what: 'after the proof', effect: 'hsm login', when: 'after' },
    { what: 'before it is promoted', effect: PROMOTE, when: 'before' },
    { what: 'after it is promoted', effect: PROMOTE, when: 'after' },
  ] as const;
  it.each(whole ? deaths : deaths.slice(0, 1))(
    'a worker that dies $what is taken over, without a password lost',
    async ({ effect, when }) => {
      const death = await deathAt(effect, when);
      const { store, admin } = await rig.aStore();
      const [given = ''] = await knownPasswords(store);
      const worker = mortal(death);
      expect(await connect(store, admin, [() => worker])).toBe('CONNECTED');
      expect(worker.dead).toBe(true);
      const known = await knownPasswords(store);
      expect([known.length, await admin.isInForce(known[0] ?? ''), await admin.isInForce(given)]).toEqual([
        1,
        true,
        false,
      ]);
      // Only a change whose answer nobody heard costs a wrong try, where a change is one.
      const inVain = kind.changeIsATry && effect === 'hsm changePassword' && when === 'after' ? 1 : 0;
      expect((await admin.tries()).filter((right) => !right)).toHaveLength(inVain);
    },
  );

  it.each(['login', 'changePassword'] as const)('a lost reply of %s costs nothing', async (request) => {
    const { store, admin } = await rig.aStore();
    const worker = losesReplyOf(request);
    expect(await connect(store, admin, [() => worker])).toBe('CONNECTED');
    await oneOfTheTwoIsInForce(store, admin);
    await disconnect(store);
    expect(await connect(store, admin, [])).toBe('CONNECTED');
  });

  if (whole) {
    it.each(['login', 'changePassword'] as const)(
      'a %s that never left is no try, however often that happens',
      async (request) => {
        const { store, admin } = await rig.aStore();
        const worker = failsAt(request, new HsmFailure('unreachable', 'Nobody is there.'), 3);
        expect(await connect(store, admin, [() => worker, () => worker, () => worker, () => worker])).toBe(
          'CONNECTED',
        );
        expect(await admin.tries()).not.toContain(false);
      },
    );
  }

  it('an answer that is neither yes nor no is told as the reason, after two tries', async () => {
    const { store, admin } = await rig.aStore();
    const worker = failsAt('login', new HsmFailure('hsm-error', 'It failed with 0x80000011.'), 100);
    const workers = Array.from({ length: 3 }, () => () => worker);
    expect(await connect(store, admin, workers)).toBe('INTERNAL_ERROR');
    expect(whyNot).toContain('0x80000011');
  });

  if (whole) {
    it('who begins to rotate while another worker makes the change and dies finds it made', async () => {
      const { store, admin } = await rig.aStore();
      const [given = ''] = await knownPasswords(store);
      const { input } = await rig.world.accept('connect', store.id);
      const healthy = createActivities(rig.dependencies);
      const facts = await attempt(() => healthy.findCluster(input));
      const infrastructure = await attempt(() => healthy.createInfrastructure(input, facts));
      await attempt(() => healthy.loginKmsuser(input, infrastructure));

      const { hsm } = rig.dependencies;
      let goOn: () => void = () => undefined;
      const gate = new Promise<void>((resolve) => (goOn = resolve));
      const late = createActivities({
        ...rig.dependencies,
        hsm: { ...hsm, connect: (target, options) => gate.then(() => hsm.connect(target, options)) },
      });
      const rotation = attempt(() => late.rotatePassword(input, infrastructure));
      rotation.catch(() => undefined);
      try {
        await eventually(
          () => knownPasswords(store),
          (known) => known.length === 2,
        );
        // It has read that nothing was sent yet. Now the other sends it, and is not heard of again.
        const other = createActivities(losesReplyOf('changePassword'));
        const [, pending = ''] = await knownPasswords(store);
        const dying = attempt(() => other.rotatePassword(input, infrastructure));
        dying.catch(() => undefined);
        await eventually(
          () => admin.isInForce(pending),
          (changed) => changed,
        );
        goOn();
        await rotation;
        await dying.catch(() => undefined);
      } finally {
        goOn();
      }
      const [rotated = ''] = await knownPasswords(store);
      expect([await admin.isInForce(rotated), await admin.isInForce(given)]).toEqual([true, false]);
    });
  }

  it('a password that somebody changed is INVALID_CREDENTIALS after one try with each known one, and the right one given heals it', async () => {
    const { store, admin } = await rig.aStore();
    const death = await deathAt(KEEP_PENDING, 'after');
    expect(await connect(store, admin, [() => mortal(death)])).toBe('CONNECTED');
    await disconnect(store);
    await admin.setPassword('changedOutside1');
    const before = (await admin.tries()).length;
    expect(await connectAgain(store, admin)).toBe('INVALID_CREDENTIALS');
    expect((await admin.tries()).slice(before)).toEqual([false]);
    await disconnect(store);
    await inTransaction(rig.world.database, (tx) =>
      replaceGivenPassword(tx, rig.world.secrets, store.id, 'changedOutside1'),
    );
    expect(await connect(store, admin, [])).toBe('CONNECTED');
  });

  /** Where one of the two stored passwords need not work, as somebody else has set a third. */
  async function connectAgain(store: CloudHsmKeyStore, admin: HsmAdmin): Promise<string> {
    return connect(store, { ...admin, isInForce: () => Promise.resolve(true) }, []);
  }

  if (whole) {
    it('with two known passwords and a third in force, each is tried once', async () => {
      const { store, admin } = await rig.aStore();
      const { input } = await rig.world.accept('connect', store.id);
      const worker = mortal(await deathAt('hsm changePassword', 'before'));
      const activities = createActivities(worker.dependencies);
      const healthy = createActivities(rig.dependencies);
      const facts = await attempt(() => healthy.findCluster(input));
      const infrastructure = await attempt(() => healthy.createInfrastructure(input, facts));
      await attempt(() => activities.loginKmsuser(input, infrastructure));
      await expect(attempt(() => activities.rotatePassword(input, infrastructure))).rejects.toThrow();
      expect(await knownPasswords(store)).toHaveLength(2);
      // The connect is given up, and before the next somebody sets a third password.
      await disconnect(store);
      await admin.setPassword('changedOutside1');
      const before = (await admin.tries()).length;
      expect(await connectAgain(store, admin)).toBe('INVALID_CREDENTIALS');
      expect((await admin.tries()).slice(before)).toEqual([false, false]);
    });
  }

  // Elsewhere a change is made in the session, whatever the password is by then.
  if (kind.changeIsATry && whole) {
    it('two changes that were lost before they were made end the connect, and the next one makes it', async () => {
      const { store, admin } = await rig.aStore();
      const worker = failsAt('changePassword', new HsmFailure('no-answer', 'It was lost.'), 2);
      const workers = Array.from({ length: 3 }, () => () => worker);
      expect(await connect(store, admin, workers)).toBe('NETWORK_ERRORS');
      await oneOfTheTwoIsInForce(store, admin);
      expect((await admin.tries()).filter((right) => !right)).toHaveLength(1);
      await disconnect(store);
      expect(await connect(store, admin, [])).toBe('CONNECTED');
    });

    it('a password that somebody changes between login and change is not overwritten by ours', async () => {
      const { store, admin } = await rig.aStore();
      const end = await connect(store, { ...admin, isInForce: () => Promise.resolve(true) }, [], {
        loginKmsuser: () => admin.setPassword('changedOutside1'),
      });
      expect(end).toBe('INVALID_CREDENTIALS');
      expect(await admin.isInForce('changedOutside1')).toBe(true);
      expect((await admin.tries()).filter((right) => !right)).toHaveLength(2);
    });
  }

  it('what somebody did to kmsuser is told by its code, spends no wrong try, and costs no password', async () => {
    for (const how of rig.meddlings) {
      const { store, admin } = await rig.aStore();
      await admin.meddle(how);
      const unknowable = { ...admin, isInForce: () => Promise.resolve(true) };
      expect([how, await connect(store, unknowable, [])]).toEqual([how, OF_MEDDLING[how]]);
      expect(await admin.tries()).not.toContain(false);
    }
  });

  if (whole) {
    it('however often workers die, and wherever, one of the two stored passwords is in force', async () => {
      const death = fc.record<Cut>({
        effect: fc.nat({ max: 24 }),
        when: fc.constantFrom('before', 'after'),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(death, { minLength: 1, maxLength: 4 }), async (deaths) => {
          const { store, admin } = await rig.aStore();
          const workers = deaths.map((one) => () => mortal(one));
          const end = await connect(store, admin, workers);
          await oneOfTheTwoIsInForce(store, admin);
          expect(['CONNECTED', 'NETWORK_ERRORS']).toContain(end);
          await disconnect(store);
          const healed = await connect(store, admin, []);
          expect(healed === 'CONNECTED' ? healed : `${healed}: ${whyNot}`).toBe('CONNECTED');
          expect(wrongInARow(await admin.tries())).toBeLessThanOrEqual(2);
        }),
        { numRuns: kind.runs },
      );
    });
  }
}
