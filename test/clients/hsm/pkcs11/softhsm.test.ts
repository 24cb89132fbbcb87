import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { HsmConnection, HsmFailure, HsmTarget } from '../../../../clients/hsm/hsm-login';
import type { DeclaredCluster } from '../../../../clients/hsm/pkcs11/declared-clusters';
import { createPkcs11HsmLogin } from '../../../../clients/hsm/pkcs11/pkcs11';
import { openToken } from '../../../../clients/hsm/pkcs11/token';
import type { Token } from '../../../../clients/hsm/pkcs11/token';
import { makeSoftHsm, missingForSoftHsm, SOFTHSM_MODULE } from '../../../harness/softhsm';
import type { SoftHsm } from '../../../harness/softhsm';
import { eventually } from '../../eventually';
import { temporaryFolder } from '../../../cli/folders';
import { CANARY, failureOf, reasonOf } from './failures';

const PIN = `${CANARY}0one`;
const NEW_PIN = `${CANARY}0two`;
const WRONG_PIN = `${CANARY}0wrong`;

const missing = missingForSoftHsm();
const onSoftHsm = missing === undefined ? describe : describe.skip;

onSoftHsm(`a token of SoftHSM${missing === undefined ? '' : ` (skipped: ${missing} is missing)`}`, () => {
  const folder = temporaryFolder();
  let hsm: SoftHsm;
  let programFile: string;
  let label: string;
  let labels = 0;
  const opened: { close(): void }[] = [];

  beforeAll(() => {
    hsm = makeSoftHsm();
    programFile = hsm.program();
  });
  afterAll(() => hsm.remove());

  beforeEach(() => {
    label = `token-${String((labels += 1))}`;
    hsm.addToken(label, PIN);
  });
  afterEach(() => {
    for (const each of opened.splice(0)) each.close();
  });

  async function open(
    place: { module?: string; tokenLabel?: string | undefined } = {},
    onStage?: (stage: string) => void,
  ): Promise<Token> {
    const { module = SOFTHSM_MODULE } = place;
    const tokenLabel = 'tokenLabel' in place ? place.tokenLabel : label;
    const token = await openToken(
      { module, name: `token ${label}`, ...(tokenLabel === undefined ? {} : { tokenLabel }) },
      { timeoutMs: 60_000, programFile, ...(onStage === undefined ? {} : { onStage }) },
    );
    opened.push(token);
    return token;
  }

  test('it is found by its label and described, stage by stage', async () => {
    const stages: string[] = [];
    const { facts } = await open({}, (stage) => stages.push(stage));
    expect(facts).toMatchObject({ label, manufacturer: 'SoftHSM project', model: 'SoftHSM v2' });
    expect(facts).toMatchObject({ userPinSet: true, userPinLocked: false });
    expect(stages).toEqual([
      `library loaded: ${SOFTHSM_MODULE} (${facts.library})`,
      `token found: label ${label}, serial number ${facts.serialNumber}, model SoftHSM v2`,
    ]);
  });

  test('the right PIN is accepted, as often as it is given, and a wrong one is refused', async () => {
    const token = await open();
    await token.login(PIN);
    await token.login(PIN);
    await expect(reasonOf(token.login(WRONG_PIN))).resolves.toBe('wrong-password');
    await token.login(PIN);
  });

  test('a change is in force at once, here and for everybody else', async () => {
    const token = await open();
    await token.setPin(PIN, NEW_PIN);
    await expect(reasonOf(token.login(PIN))).resolves.toBe('wrong-password');
    await token.login(NEW_PIN);
    expect(hsm.pinWorks(label, NEW_PIN)).toBe(true);
    expect(hsm.pinWorks(label, PIN)).toBe(false);
  });

  test('a change with a wrong PIN, or to one that is too short, changes nothing', async () => {
    const token = await open();
    await expect(reasonOf(token.setPin(WRONG_PIN, NEW_PIN))).resolves.toBe('wrong-password');
    await expect(reasonOf(token.setPin(PIN, 'abc'))).resolves.toBe('invalid-password');
    expect(hsm.pinWorks(label, PIN)).toBe(true);
  });

  test('a PIN that was changed outside is seen by the next request and by the next connection', async () => {
    const token = await open();
    await token.login(PIN);
    hsm.resetPin(label, NEW_PIN);
    await expect(reasonOf(token.login(PIN))).resolves.toBe('wrong-password');
    await token.login(NEW_PIN);
    await expect(reasonOf((await open()).login(PIN))).resolves.toBe('wrong-password');
  });

  test('a PIN that was changed outside is seen by the first login, unless that comes right after the opening', async () => {
    const token = await open();
    const openedAt = Date.now();
    hsm.resetPin(label, NEW_PIN);
    await eventually(() => Date.now() > openedAt + 1_000);
    await expect(reasonOf(token.login(PIN))).resolves.toBe('wrong-password');
  });

  test('a PIN that was changed outside since the token was opened is not overwritten', async () => {
    const token = await open();
    hsm.resetPin(label, NEW_PIN);
    await expect(reasonOf(token.setPin(PIN, `${CANARY}0three`))).resolves.toBe('wrong-password');
    expect(hsm.pinWorks(label, NEW_PIN)).toBe(true);
  });

  test('requests on one connection run one after another', async () => {
    const token = await open();
    const answers = await Promise.allSettled([
      token.login(PIN),
      token.login(WRONG_PIN),
      token.setPin(PIN, NEW_PIN),
      token.login(PIN),
      token.login(NEW_PIN),
    ]);
    const [right, wrong] = ['fulfilled', 'rejected'];
    expect(answers.map(({ status }) => status)).toEqual([right, wrong, right, wrong, right]);
  });

  test('connections that log in at the same time all find the token and get an answer of their own', async () => {
    const tokens = await Promise.all([open(), open()]);
    // Every login writes to SoftHSM's files, and two that write at once can end with CKR_GENERAL_ERROR.
    const outcome = (call: Promise<void>): Promise<string> =>
      call.then(
        () => 'accepted',
        (error: HsmFailure) => error.reason,
      );
    const right = tokens.flatMap((token) => [1, 2, 3, 4].map(() => outcome(token.login(PIN))));
    const wrong = tokens.flatMap((token) => [1, 2, 3, 4].map(() => outcome(token.login(WRONG_PIN))));
    for (const answer of await Promise.all(right)) expect(['accepted', 'hsm-error']).toContain(answer);
    for (const answer of await Promise.all(wrong)) expect(['wrong-password', 'hsm-error']).toContain(answer);
  });

  test('a change through one connection is seen by the other', async () => {
    const [one, two] = await Promise.all([open(), open()]);
    await two.login(PIN);
    await one.setPin(PIN, NEW_PIN);
    await two.login(NEW_PIN);
    await expect(reasonOf(two.setPin(PIN, `${CANARY}0three`))).resolves.toBe('wrong-password');
  });

  test('a label that no token has is told, with those that there are', async () => {
    const failure = await failureOf(open({ tokenLabel: 'nobody' }));
    expect(failure.reason).toBe('no-token');
    expect(failure.message).toContain(label);
  });

  test('a label that two tokens have is refused', async () => {
    hsm.addToken(label, PIN);
    await expect(reasonOf(open())).resolves.toBe('unusable-library');
  });

  test('without a label the only token is taken, and one of several is not', async () => {
    hsm.addToken(`${label} and another`, PIN);
    await expect(reasonOf(open({ tokenLabel: undefined }))).resolves.toBe('unusable-library');
    const other = makeSoftHsm();
    try {
      other.addToken('the only one', PIN);
      const token = await openToken(
        { module: SOFTHSM_MODULE, name: 'token' },
        { timeoutMs: 60_000, programFile: other.program() },
      );
      opened.push(token);
      expect(token.facts.label).toBe('the only one');
      await token.login(PIN);
    } finally {
      other.remove();
    }
  });

  test('a library that is not there, or is none, cannot be used, and the message names it', async () => {
    const noLibrary = join(folder, 'no-library.so');
    writeFileSync(noLibrary, 'this is not a library');
    for (const module of [join(folder, 'absent.so'), noLibrary, folder]) {
      const failure = await failureOf(open({ module }));
      expect(failure.reason).toBe('unusable-library');
      expect(failure.message).toContain(module);
    }
  });

  test('without the optional package pkcs11js no library can be used, and the message says what to install', async () => {
    const program = join(folder, 'without-pkcs11js.cjs');
    writeFileSync(
      program,
      `const Module = require('node:module');
       const load = Module._load;
       Module._load = (name, ...rest) => {
         if (name === 'pkcs11js') throw new Error('Cannot find module');
         return load(name, ...rest);
       };
       require(${JSON.stringify(programFile)});`,
    );
    const place = { module: SOFTHSM_MODULE, tokenLabel: label, name: 'token' };
    const failure = await failureOf(openToken(place, { timeoutMs: 60_000, programFile: program }));
    expect(failure.reason).toBe('unusable-library');
    expect(failure.message).toMatch(/pkcs11js.*C\+\+ compiler.*npm run setup/);
  });

  test('a token whose user has no PIN has no user', async () => {
    hsm.addToken('without-pin');
    const token = await open({ tokenLabel: 'without-pin' });
    expect(token.facts.userPinSet).toBe(false);
    await expect(reasonOf(token.login(PIN))).resolves.toBe('user-not-found');
  });

  test('after close nothing is sent', async () => {
    const token = await open();
    token.close();
    await expect(reasonOf(token.login(PIN))).resolves.toBe('unreachable');
    await expect(reasonOf(token.setPin(PIN, NEW_PIN))).resolves.toBe('unreachable');
    expect(hsm.pinWorks(label, PIN)).toBe(true);
    token.close();
  });

  test('however logins, changes and resets follow one another, one PIN is in force and no other', async () => {
    const pins = [PIN, NEW_PIN, WRONG_PIN];
    const pin = fc.constantFrom(...pins);
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('login' as const), pin, newPin: pin }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('set-pin' as const), pin, newPin: pin }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset' as const), pin, newPin: pin }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const), pin, newPin: pin }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        hsm.resetPin(label, PIN);
        let inForce = PIN;
        // A login that comes right after the opening may rest on what the library read then.
        const openAndLogIn = async (): Promise<Token> => {
          const fresh = await open();
          await fresh.login(inForce);
          return fresh;
        };
        let token = await openAndLogIn();
        for (const { kind, pin: given, newPin } of steps) {
          if (kind === 'reset') hsm.resetPin(label, (inForce = newPin));
          if (kind === 'reopen') {
            token.close();
            token = await openAndLogIn();
          }
          if (kind === 'login' || kind === 'set-pin') {
            const call = kind === 'login' ? token.login(given) : token.setPin(given, newPin);
            if (given === inForce) await call;
            else expect(await reasonOf(call)).toBe('wrong-password');
            if (kind === 'set-pin' && given === inForce) inForce = newPin;
          }
        }
        for (const each of pins) {
          const answer = await token.login(each).then(
            () => 'accepted',
            () => 'refused',
          );
          expect([each, answer]).toEqual([each, each === inForce ? 'accepted' : 'refused']);
        }
        token.close();
      }),
      { numRuns: 8 },
    );
  });

  describe('as the HSM of a declared cluster', () => {
    const target: HsmTarget = {
      clusterId: 'cluster-1a23b4cdefg',
      hsmId: 'token',
      eniIp: '',
      addresses: [],
      securityGroupId: '',
      accountId: '111111111111',
      owner: 'cks-0123456789abcdef0',
      trustAnchorCertificate: 'no use here',
    };

    async function connect(
      cluster: Partial<DeclaredCluster> = {},
      to: Partial<HsmTarget> = {},
    ): Promise<HsmConnection> {
      const declaredCluster: DeclaredCluster = {
        clusterId: target.clusterId,
        accountId: target.accountId,
        module: SOFTHSM_MODULE,
        tokenLabel: label,
        pinFormat: 'password',
        trustAnchorCertificate: '',
        ...cluster,
      };
      const login = createPkcs11HsmLogin({
        declared: {
          find: (accountId, clusterId) =>
            accountId === declaredCluster.accountId && clusterId === declaredCluster.clusterId
              ? declaredCluster
              : undefined,
          close: () => undefined,
        },
        programFile,
      });
      expect(login.reach).toBe('whole-cluster');
      const connection = await login.connect({ ...target, ...to });
      opened.push(connection);
      return connection;
    }
    const change = (currentPassword: string, newPassword: string) => ({
      sessionId: undefined,
      username: 'kmsuser',
      currentPassword,
      newPassword,
    });

    test('kmsuser is the user of the token; no session is kept', async () => {
      const connection = await connect();
      await expect(connection.listUsers()).resolves.toEqual([{ username: 'kmsuser', type: 'CU' }]);
      await expect(connection.login('kmsuser', PIN)).resolves.toBeUndefined();
      expect(connection.changeIsATry).toBe(true);
      await connection.changePassword(change(PIN, NEW_PIN));
      await expect(connection.login('kmsuser', NEW_PIN)).resolves.toBeUndefined();
      await connection.logout();
    });

    test('a token whose user has no PIN has no kmsuser', async () => {
      hsm.addToken('declared-without-pin');
      const connection = await connect({ tokenLabel: 'declared-without-pin' });
      await expect(connection.listUsers()).rejects.toMatchObject({
        reason: 'user-not-found',
        message: expect.stringContaining('no PIN yet') as string,
      });
    });

    test('where the PIN is user:password, both are in it, in a login and in a change', async () => {
      hsm.resetPin(label, `kmsuser:${PIN}`);
      const connection = await connect({ pinFormat: 'user:password' });
      await connection.login('kmsuser', PIN);
      await connection.changePassword(change(PIN, NEW_PIN));
      expect(hsm.pinWorks(label, `kmsuser:${NEW_PIN}`)).toBe(true);
    });

    test('a cluster that is not declared, or for another account, has no token', async () => {
      const unknown = await failureOf(connect({}, { clusterId: 'cluster-7z7z7z7z7z7' }));
      expect(unknown.reason).toBe('no-token');
      expect(unknown.message).toContain('KEYMOOR_PKCS11_FILE');
      await expect(reasonOf(connect({}, { accountId: '222222222222' }))).resolves.toBe('no-token');
    });
  });
});
