import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { HsmBusy } from '../../../../clients/hsm/hsm-login';
import { openToken } from '../../../../clients/hsm/pkcs11/token';
import type { Token } from '../../../../clients/hsm/pkcs11/token';
import { ANSWERS_FD } from '../../../../clients/hsm/pkcs11/token-messages';
import type { TokenAnswer, TokenWork } from '../../../../clients/hsm/pkcs11/token-messages';
import {
  isRunning,
  makeFaultyModule,
  makeSoftHsm,
  missingForSoftHsm,
  SOFTHSM_MODULE,
  TOKEN_PROGRAM,
} from '../../../harness/softhsm';
import type { FaultyModule, SoftHsm } from '../../../harness/softhsm';
import { eventually } from '../../eventually';
import { stopClock } from '../../stopped-clock';
import type { StoppedClock } from '../../stopped-clock';
import { CANARY, failureOf, reasonOf } from './failures';

const PIN = `${CANARY}0one`;
const NEW_PIN = `${CANARY}0two`;
const OTHER_PIN = `${CANARY}0other`;
const WRONG_PIN = `${CANARY}0wrong`;

/** Whatever hangs until then hangs until a test lets the time run out. */
const LIMIT_MS = 60_000;

const CKF_USER_PIN_LOCKED = '0x40000';

const missing = missingForSoftHsm({ compiler: true });
const onFaultyLibrary = missing === undefined ? describe : describe.skip;

onFaultyLibrary(
  `a PKCS#11 library that fails${missing === undefined ? '' : ` (skipped: ${missing} is missing)`}`,
  () => {
    let hsm: SoftHsm;
    let library: FaultyModule;
    let programFile: string;
    let label: string;
    let labels = 0;
    const opened: Token[] = [];

    beforeAll(() => {
      hsm = makeSoftHsm();
      library = makeFaultyModule(SOFTHSM_MODULE);
      programFile = hsm.program(library.environment);
    });
    afterAll(() => {
      hsm.remove();
      library.remove();
    });

    beforeEach(() => {
      label = `token-${String((labels += 1))}`;
      hsm.addToken(label, PIN);
      library.reset();
    });
    afterEach(() => {
      for (const token of opened.splice(0)) token.close();
    });

    async function open(
      options: { timeoutMs?: number; signal?: AbortSignal; programFile?: string } = {},
    ): Promise<Token> {
      const { timeoutMs = LIMIT_MS } = options;
      const token = await openToken(
        { module: library.module, tokenLabel: label, name: `token ${label}` },
        { programFile, ...options, timeoutMs },
      );
      opened.push(token);
      return token;
    }
    const calls = (line: string): number => library.calls().filter((call) => call === line).length;
    const hangsIn = (call: string): Promise<void> => eventually(() => calls(`${call} begins`) > 0);
    const gone = (pid = library.pids()[0]): Promise<void> =>
      eventually(() => pid !== undefined && !isRunning(pid));

    async function nextOpenWorks(pin = PIN): Promise<void> {
      library.control();
      await (await open()).login(pin);
    }

    test('a login is one C_Login, a change one C_SetPIN, and each begins from a fresh C_Initialize', async () => {
      const token = await open();
      await token.login(PIN);
      await expect(reasonOf(token.login(WRONG_PIN))).resolves.toBe('wrong-password');
      await token.setPin(PIN, NEW_PIN);
      const told = ['C_Initialize 0x0', 'C_Login 0x0', 'C_Login 0xA0', 'C_SetPIN 0x0', 'C_Logout 0x0'];
      const seen = library.calls().filter((call) => told.includes(call));
      // The first login may rest on the opening, where it comes within a second; on a busy machine it does not.
      if (seen[1] === 'C_Initialize 0x0') seen.shift();
      expect(seen).toEqual([
        'C_Initialize 0x0',
        'C_Login 0x0',
        'C_Logout 0x0',
        'C_Initialize 0x0',
        'C_Login 0xA0',
        'C_Initialize 0x0',
        'C_SetPIN 0x0',
      ]);
      expect(calls('C_OpenSession 0x0')).toBe(calls('C_CloseSession 0x0'));
    });

    describe('when it hangs', () => {
      let clock: StoppedClock | undefined;
      afterEach(() => {
        clock?.release();
        clock = undefined;
      });

      /** Makes a request that hangs in a call, and lets its time run out. */
      async function untilTimeIsOver<T>(call: string, request: () => Promise<T>): Promise<T> {
        clock = stopClock();
        const ended = request();
        await hangsIn(call);
        clock.pass(LIMIT_MS);
        const end = await ended;
        clock.release();
        return end;
      }

      test('in C_Initialize: the token is unreachable in time, the process is gone, the next one works', async () => {
        library.control('C_Initialize hang');
        const opening = untilTimeIsOver('C_Initialize', () => reasonOf(open()));
        await expect(opening).resolves.toBe('unreachable');
        await gone();
        await nextOpenWorks();
      });

      test.each([
        ['C_Login', (token: Token) => token.login(PIN)],
        ['C_SetPIN', (token: Token) => token.setPin(PIN, NEW_PIN)],
        ['C_Finalize', (token: Token) => token.setPin(PIN, NEW_PIN)],
      ])('in %s: nobody knows the outcome, and nothing more is sent', async (call, request) => {
        const token = await open();
        library.reset();
        library.control(`${call} hang`);
        const failure = await untilTimeIsOver(call, () => failureOf(request(token)));
        expect(failure.reason).toBe('no-answer');
        expect(failure.message).toContain(library.module);
        await gone();
        await expect(reasonOf(token.login(PIN))).resolves.toBe('unreachable');
        await nextOpenWorks();
      });

      test('other tokens are served', async () => {
        const [hanging, other] = await Promise.all([open(), open()]);
        library.control('C_Login hang');
        const login = hanging.login(PIN).catch(() => undefined);
        await hangsIn('C_Login');
        library.control();
        await other.login(PIN);
        hanging.close();
        await login;
      });

      test('a cancelled signal ends the request with its reason, and the process', async () => {
        const controller = new AbortController();
        const token = await open({ signal: controller.signal });
        library.control('C_Login hang');
        const reason = new Error('cancelled');
        const login = token.login(PIN);
        const ended = expect(login).rejects.toBe(reason);
        await hangsIn('C_Login');
        controller.abort(reason);
        await ended;
        await gone();
        await expect(token.login(PIN)).rejects.toBe(reason);
      });

      test('a cancelled signal ends the opening with its reason; one that is a deadline leaves it unreachable', async () => {
        library.control('C_Initialize hang');
        for (const [reason, outcome] of [
          [new Error('cancelled'), 'cancelled'],
          [new DOMException('late', 'TimeoutError'), 'unreachable'],
        ] as const) {
          library.reset();
          library.control('C_Initialize hang');
          const controller = new AbortController();
          const opening = open({ signal: controller.signal });
          const ended =
            outcome === 'cancelled'
              ? expect(opening).rejects.toBe(reason)
              : expect(opening).rejects.toMatchObject({ reason: outcome });
          await hangsIn('C_Initialize');
          controller.abort(reason);
          await ended;
          await gone();
        }
      });

      test('its process goes when its parent is killed', async () => {
        const parent = spawn(process.execPath, [
          '-e',
          `const { openToken } = require(${JSON.stringify(join(__dirname, '../../../../dist/clients/hsm/pkcs11/token.js'))});
           openToken(${JSON.stringify({ module: library.module, tokenLabel: label, name: 'token' })},
             { timeoutMs: 600000, programFile: ${JSON.stringify(programFile)} });`,
        ]);
        library.control('C_Initialize hang');
        try {
          await hangsIn('C_Initialize');
          const [child] = library.pids();
          expect(isRunning(child ?? 0)).toBe(true);
        } finally {
          parent.kill('SIGKILL');
        }
        await gone();
      });
    });

    describe('when it crashes', () => {
      test('while it is loaded and opened: the token is unreachable, and the next one works', async () => {
        library.control('C_Initialize crash');
        await expect(reasonOf(open())).resolves.toBe('unreachable');
        await nextOpenWorks();
      });

      test.each([
        ['C_Login crash', (token: Token) => token.login(PIN), PIN],
        ['C_Login crash-after', (token: Token) => token.login(PIN), PIN],
        ['C_SetPIN crash', (token: Token) => token.setPin(PIN, NEW_PIN), PIN],
        ['C_SetPIN crash-after', (token: Token) => token.setPin(PIN, NEW_PIN), NEW_PIN],
      ])('%s: nobody knows the outcome; nothing more is sent', async (fault, request, inForce) => {
        const token = await open();
        library.control(fault);
        await expect(reasonOf(request(token))).resolves.toBe('no-answer');
        await expect(reasonOf(request(token))).resolves.toBe('unreachable');
        expect(hsm.pinWorks(label, inForce)).toBe(true);
        await nextOpenWorks(inForce);
      });

      test('between two requests: the next one is told as never sent', async () => {
        const token = await open();
        await token.login(PIN);
        process.kill(library.pids()[0] ?? 0, 'SIGKILL');
        await gone();
        await eventually(async () => (await reasonOf(token.login(PIN))) === 'unreachable');
        expect(calls('C_Login begins')).toBe(1);
      });
    });

    test.each([
      ['C_Login return 0xA4', 'locked-out'],
      ['C_Login return 0x100', 'logged-in-elsewhere'],
      ['C_Login return 0x30', 'no-answer'],
      ['C_Login return 0x80000042', 'hsm-error'],
      ['C_OpenSession return 0x30', 'unreachable'],
    ])('%s: %s, and the connection goes on', async (fault, reason) => {
      const token = await open();
      library.control(fault);
      await expect(reasonOf(token.login(PIN))).resolves.toBe(reason);
      library.control();
      await token.login(PIN);
    });

    test('a user who is logged in through one connection is not so through another', async () => {
      const [one, two] = await Promise.all([open(), open()]);
      library.control('C_Logout hang');
      const loggedIn = one.login(PIN).catch(() => undefined);
      await hangsIn('C_Logout');
      library.control();
      await expect(reasonOf(two.login(WRONG_PIN))).resolves.toBe('wrong-password');
      await two.login(PIN);
      one.close();
      await loggedIn;
    });

    test.each(['C_Initialize', 'C_GetTokenInfo', 'C_OpenSession'])(
      'a failure of %s that passes at once is not noticed: the token is looked for again',
      async (call) => {
        const token = await open();
        await token.login(PIN);
        library.reset();
        library.control(`${call} return-for-a-while 0x5`);
        await token.login(PIN);
        expect(calls(`${call} 0x5`)).toBeGreaterThan(0);
        expect(calls('C_Login begins')).toBe(1);
      },
    );

    test('a first login that does not find the token as it was opened starts afresh', async () => {
      const token = await open();
      library.reset();
      library.control('C_OpenSession return-for-a-while 0x5');
      await token.login(PIN);
      expect(calls('C_OpenSession 0x5')).toBe(1);
      expect(calls('C_Initialize 0x0')).toBeGreaterThan(0);
    });

    test('a failure of C_Initialize that lasts is told, and the connection works once it is over', async () => {
      const token = await open();
      await token.login(PIN);
      library.control('C_Initialize return 0x5');
      await expect(reasonOf(token.login(PIN))).resolves.toBe('unreachable');
      expect(calls('C_Login begins')).toBe(1);
      library.control();
      await token.login(PIN);
    });

    test('a login that was accepted stays so, whatever the logout says', async () => {
      const token = await open();
      library.control('C_Logout return 0x30', 'C_CloseSession return 0x30');
      await token.login(PIN);
      library.control();
      await token.login(PIN);
    });

    test('a user that the token says is locked is not tried', async () => {
      const token = await open();
      library.control(`C_GetTokenInfo flags ${CKF_USER_PIN_LOCKED}`);
      await expect(reasonOf(token.login(PIN))).resolves.toBe('locked-out');
      await expect(reasonOf(token.setPin(PIN, NEW_PIN))).resolves.toBe('locked-out');
      expect(calls('C_Login begins') + calls('C_SetPIN begins')).toBe(0);
      await expect(open()).resolves.toMatchObject({ facts: { userPinLocked: true } });
    });

    test('where a change wants its user logged in, it is', async () => {
      const token = await open();
      library.control('C_SetPIN needs-login');
      await expect(reasonOf(token.setPin(WRONG_PIN, NEW_PIN))).resolves.toBe('wrong-password');
      await token.setPin(PIN, NEW_PIN);
      expect(hsm.pinWorks(label, NEW_PIN)).toBe(true);
    });

    test('a library that cannot change PINs is told as unusable', async () => {
      const token = await open();
      library.control('C_SetPIN return 0x54');
      await expect(reasonOf(token.setPin(PIN, NEW_PIN))).resolves.toBe('unusable-library');
    });

    test('it inherits none of our own secrets, and whatever else the process has', async () => {
      const secrets = [
        'DATABASE_URL',
        'PGPASSWORD',
        'TEMPORAL_API_KEY',
        'TEMPORAL_TLS_CLIENT_KEY_DATA',
        'TEMPORAL_GRPC_META_AUTHORIZATION',
        'TEMPORAL_CODEC_AUTH',
        'AWS_SECRET_ACCESS_KEY',
        'AWS_SESSION_TOKEN',
        'AWS_CONTAINER_AUTHORIZATION_TOKEN',
        'KEYMOOR_XKS_SECRET_ACCESS_KEY',
        'CLOUDHSM_PIN',
      ];
      const before = process.env;
      process.env = {
        ...before,
        ...Object.fromEntries(secrets.map((name) => [name, CANARY])),
        // Without these, neither the library nor its tokens would be found.
        ...library.environment,
        ...hsm.environment,
        VENDOR_CONFIGURATION: 'a file of theirs',
      };
      try {
        library.control('C_Initialize environment');
        await open({ programFile: TOKEN_PROGRAM });
      } finally {
        process.env = before;
      }
      const inherited = library.calls().filter((call) => call.startsWith('env '));
      for (const name of ['PATH', 'SOFTHSM2_CONF', 'VENDOR_CONFIGURATION'])
        expect(inherited).toContain(`env ${name}`);
      for (const name of secrets) expect(inherited).not.toContain(`env ${name}`);
    });

    test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
      '%s, which reaches the whole group of processes, ends neither a login nor a connection that waits',
      async (signal) => {
        const token = await open();
        library.control('C_Login wait');
        const login = token.login(PIN);
        await hangsIn('C_Login');
        const [pid = 0] = library.pids();
        process.kill(pid, signal);
        library.control();
        await login;
        process.kill(pid, signal);
        await token.login(PIN);
        expect(library.pids()).toEqual([pid]);
      },
    );

    test('twenty connections through one library may be open; one more waits until one of them closes', async () => {
      const tokens: Token[] = [];
      for (let count = 1; count <= 20; count += 1) tokens.push(await open());
      await expect(open()).rejects.toBeInstanceOf(HsmBusy);
      expect(library.pids()).toHaveLength(20);

      // Those of another library go on.
      const place = { module: SOFTHSM_MODULE, tokenLabel: label, name: `token ${label}` };
      opened.push(await openToken(place, { programFile, timeoutMs: LIMIT_MS }));

      const waits = open();
      tokens[7]?.close();
      await (await waits).login(PIN);
      await expect(open()).rejects.toBeInstanceOf(HsmBusy);
    });

    test('one that writes to what is ours does no harm', async () => {
      library.control('C_Login scribble', 'C_SetPIN scribble');
      const token = await open();
      await token.login(PIN);
      await token.setPin(PIN, NEW_PIN);
      await expect(reasonOf(token.login(PIN))).resolves.toBe('wrong-password');
    });

    test('a change that was held up after the fresh start is not sent', async () => {
      const token = await open();
      library.control('C_OpenSession wait');
      const changing = reasonOf(token.setPin(PIN, NEW_PIN));
      await eventually(() => calls('C_OpenSession begins') > 0);
      // Somebody else sets another PIN meanwhile, and the library, which remembers the old one, would overwrite it.
      hsm.resetPin(label, OTHER_PIN);
      const heldUntil = Date.now() + 2_100;
      await eventually(() => Date.now() > heldUntil);
      library.control();
      await expect(changing).resolves.toBe('unreachable');
      expect(calls('C_SetPIN begins')).toBe(0);
      expect(hsm.pinWorks(label, OTHER_PIN)).toBe(true);
    });

    describe('asked too late', () => {
      let child: ChildProcess;
      let answers: AsyncIterator<string>;

      beforeEach(async () => {
        child = spawn(process.execPath, [programFile, String(process.pid)], {
          stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
        });
        const lines = createInterface({ input: child.stdio[ANSWERS_FD] as Readable });
        answers = lines[Symbol.asyncIterator]();
        const answer = ask(
          { kind: 'open', module: library.module, tokenLabel: label },
          Date.now() + LIMIT_MS,
        );
        await expect(answer).resolves.toMatchObject({ kind: 'done' });
      });
      afterEach(() => {
        child.kill('SIGKILL');
      });

      let id = 0;
      async function ask(work: TokenWork, deadline: number): Promise<TokenAnswer> {
        id += 1;
        child.stdin?.write(`${JSON.stringify({ id, deadline, ...work })}\n`);
        for (;;) {
          const line = (await answers.next()).value as string;
          if (line === '') continue;
          const answer = JSON.parse(line) as TokenAnswer;
          if (answer.id === id && answer.kind !== 'library') return answer;
        }
      }

      test.each([
        { kind: 'login', pin: PIN } as const,
        { kind: 'set-pin', currentPin: PIN, newPin: NEW_PIN } as const,
      ])('it does not send a $kind whose deadline has passed', async (work) => {
        await expect(ask(work, Date.now() - 1)).resolves.toMatchObject({
          kind: 'failed',
          reason: 'unreachable',
        });
        expect(calls('C_Login begins') + calls('C_SetPIN begins')).toBe(0);
        expect(hsm.pinWorks(label, PIN)).toBe(true);
      });

      test('a process that was frozen until after the deadline changes nothing', async () => {
        child.kill('SIGSTOP');
        const deadline = Date.now() + 100;
        const answer = ask({ kind: 'set-pin', currentPin: PIN, newPin: NEW_PIN }, deadline);
        await eventually(() => Date.now() > deadline);
        child.kill('SIGCONT');
        await expect(answer).resolves.toMatchObject({ kind: 'failed', reason: 'unreachable' });
        expect(hsm.pinWorks(label, PIN)).toBe(true);
      });
    });
  },
);
