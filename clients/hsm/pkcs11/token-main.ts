import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { HsmFailure } from '../hsm-login';
import {
  CKF_OS_LOCKING_OK,
  CKF_RW_SESSION,
  CKF_SERIAL_SESSION,
  CKF_TOKEN_INITIALIZED,
  CKF_USER_PIN_INITIALIZED,
  CKF_USER_PIN_LOCKED,
  CKR_USER_NOT_LOGGED_IN,
  CKU_USER,
  loadCryptoki,
  returnValueOf,
} from './cryptoki';
import type { Cryptoki, CryptokiTokenInfo } from './cryptoki';
import { LOCKED } from './return-values';
import type { TokenFacts } from './token';
import { ANSWERS_FD } from './token-messages';
import type { TokenAnswer, TokenRequest } from './token-messages';

/*
 * The process that a PKCS#11 library lives in, one per connection. The library's calls block, so that nothing else runs
 * here but the watchdog; whoever opened the connection ends the process. Its first argument is the pid of its parent.
 */

new Worker(join(__dirname, 'token-watchdog.js'), { workerData: { parent: Number(process.argv[2]) } });

// A library's exit handlers may hang as well as its calls: end without them.
process.stdin.once('end', () => process.kill(process.pid, 'SIGKILL'));
// Ctrl-C reaches the whole group of processes; when a connection ends, its owner decides.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

interface Opened {
  cryptoki: Cryptoki;
  module: string;
  tokenLabel: string | undefined;
  initialized: boolean;
  /** until when a login may rest on how the library was initialized last, milliseconds since the epoch */
  freshUntil: number;
  /** when the library was initialized last */
  initializedAt: number;
}

/**
 * How long a login may rest on the library as it was initialized for the opening, which with HSMs on a network can take
 * a second or more. A process that was frozen in between has to start afresh.
 */
const FRESH_MS = 1_000;

/**
 * How long a token is looked for. SoftHSM keeps tokens in files, and every login writes to them: a process that reads
 * one in that moment finds no token, or an unreadable one. Nothing was sent yet, so that looking again does no harm.
 */
const PATIENCE_MS = 500;
const PAUSE_MS = 20;

let opened: Opened | undefined;

let unread = '';
process.stdin.setEncoding('utf8').on('data', (chunk: string) => {
  unread += chunk;
  for (let end = unread.indexOf('\n'); end >= 0; end = unread.indexOf('\n')) {
    const line = unread.slice(0, end);
    unread = unread.slice(end + 1);
    send(answerTo(JSON.parse(line) as TokenRequest));
  }
});

function send(answer: TokenAnswer): void {
  // On a line of its own, whatever a library left there.
  writeSync(ANSWERS_FD, `\n${JSON.stringify(answer)}\n`);
}

function answerTo(request: TokenRequest): TokenAnswer {
  const { id } = request;
  try {
    if (request.kind === 'open') return { id, kind: 'done', facts: open(request) };
    if (opened === undefined) throw new HsmFailure('unreachable', 'it is not open');
    if (request.kind === 'login') login(opened, request);
    else setPin(opened, request);
    return { id, kind: 'done' };
  } catch (error) {
    const returned = returnValueOf(error);
    if (returned) return { id, kind: 'return-value', ...returned };
    if (error instanceof HsmFailure)
      return { id, kind: 'failed', reason: error.reason, message: error.message };
    // Its text is not known to be free of secrets.
    return { id, kind: 'failed', reason: 'hsm-error', message: 'a call of the library failed unexpectedly' };
  }
}

function open(request: Extract<TokenRequest, { kind: 'open' }>): TokenFacts {
  const { module, tokenLabel } = request;
  const token: Opened = {
    cryptoki: loadCryptoki(module),
    module,
    tokenLabel,
    initialized: false,
    freshUntil: 0,
    initializedAt: 0,
  };
  let library = '';
  const { info } = patiently(token, request.deadline, () => {
    if (library === '') {
      library = describe(token.cryptoki.C_GetInfo());
      send({ id: request.id, kind: 'library', library });
    }
    return findToken(token);
  });
  token.freshUntil = Date.now() + FRESH_MS;
  opened = token;
  return {
    label: text(info.label),
    serialNumber: text(info.serialNumber),
    model: text(info.model),
    manufacturer: text(info.manufacturerID),
    library,
    userPinSet: (info.flags & CKF_USER_PIN_INITIALIZED) !== 0,
    userPinLocked: (info.flags & CKF_USER_PIN_LOCKED) !== 0,
  };
}

function describe({ libraryDescription, libraryVersion }: ReturnType<Cryptoki['C_GetInfo']>): string {
  return `${text(libraryDescription)} ${libraryVersion.major}.${libraryVersion.minor}`;
}

/** As a rule it starts afresh, for the reason that `setPin` has; the first login need not, where it comes at once. */
function login(token: Opened, { pin, deadline }: Extract<TokenRequest, { kind: 'login' }>): void {
  inSession(token, deadline, (cryptoki, session) => {
    refuseIfLate(deadline);
    cryptoki.C_Login(session, CKU_USER, pin);
    logout(cryptoki, session);
  });
}

/**
 * A library that has been initialized for some time may hold the PIN as it was then (SoftHSM does): it would take the
 * old one, and overwrite what somebody else has set since. So it always starts afresh here.
 */
function setPin(token: Opened, request: Extract<TokenRequest, { kind: 'set-pin' }>): void {
  token.freshUntil = 0;
  inSession(token, request.deadline, (cryptoki, session) => {
    const change = (): void => {
      refuseIfLate(request.deadline);
      refuseIfStale(token);
      cryptoki.C_SetPIN(session, request.currentPin, request.newPin);
    };
    try {
      change();
    } catch (error) {
      // By the standard nobody need be logged in; some tokens want it all the same.
      if (returnValueOf(error)?.code !== CKR_USER_NOT_LOGGED_IN) throw error;
      cryptoki.C_Login(session, CKU_USER, request.currentPin);
      change();
      logout(cryptoki, session);
    }
  });
}

function startAfresh(token: Opened): void {
  if (token.initialized) {
    token.initialized = false;
    token.cryptoki.C_Finalize();
  }
  token.cryptoki.C_Initialize({ flags: CKF_OS_LOCKING_OK });
  token.initialized = true;
  token.initializedAt = Date.now();
}

/** Looks at a fresh library, and again afresh where that fails and may pass. Nothing may be sent in `look`. */
function patiently<T>(token: Opened, deadline: number, look: () => T): T {
  const until = Math.min(deadline, Date.now() + PATIENCE_MS);
  for (;;) {
    try {
      if (Date.now() >= token.freshUntil) startAfresh(token);
      return look();
    } catch (error) {
      const final = error instanceof HsmFailure && error.reason === 'unusable-library';
      if (final || Date.now() + PAUSE_MS >= until) throw error;
      token.freshUntil = 0;
      pause();
    }
  }
}

/** Blocks: there is nothing else to do here. */
function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
}

/** The login is proved already, and the next request starts afresh. */
function logout(cryptoki: Cryptoki, session: Buffer): void {
  try {
    cryptoki.C_Logout(session);
  } catch {
    // as above
  }
}

/** Runs in a session of its own. A token that says that its user is locked is not asked: it would count the try. */
function inSession(
  token: Opened,
  deadline: number,
  work: (cryptoki: Cryptoki, session: Buffer) => void,
): void {
  const { cryptoki } = token;
  const { locked, session } = patiently(token, deadline, () => {
    const { slot, info } = findToken(token);
    return {
      locked: (info.flags & CKF_USER_PIN_LOCKED) !== 0,
      session: cryptoki.C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION),
    };
  });
  token.freshUntil = 0;
  try {
    if (locked) throw new HsmFailure(LOCKED.reason, LOCKED.message);
    work(cryptoki, session);
  } finally {
    try {
      cryptoki.C_CloseSession(session);
    } catch {
      // The next request starts afresh, which closes it.
    }
  }
}

/** A process that was frozen may come here long after everybody gave it up, and the world has moved on. */
function refuseIfLate(deadline: number): void {
  if (Date.now() >= deadline)
    throw new HsmFailure('unreachable', 'the time for the request was over before it could be sent');
}

/** How old the library's memory of a PIN may be when another is set: time enough to open a session on a slow HSM. */
const STALE_AFTER_MS = 2_000;

/**
 * Whoever was frozen between the fresh start and the change would have the library overwrite, with the PIN that it
 * remembers, what others have set meanwhile. Frozen within the very call nobody can tell: that is left to the library.
 */
function refuseIfStale({ initializedAt }: Opened): void {
  if (Date.now() - initializedAt >= STALE_AFTER_MS)
    throw new HsmFailure('unreachable', 'the process was held up before the change could be sent');
}

interface FoundToken {
  slot: Buffer;
  info: CryptokiTokenInfo;
}

function findToken({ cryptoki, module, tokenLabel }: Opened): FoundToken {
  const { tokens: all, unreadable } = listTokens(cryptoki);
  // SoftHSM always shows one more, which is there to be initialized.
  const initialized = all.filter(({ info }) => (info.flags & CKF_TOKEN_INITIALIZED) !== 0);
  const tokens =
    tokenLabel === undefined ? initialized : all.filter(({ info }) => text(info.label) === text(tokenLabel));
  const [first, ...others] = tokens;
  if (first !== undefined && others.length === 0) return first;
  const wanted = tokenLabel === undefined ? 'token' : `token with the label ${tokenLabel}`;
  if (first !== undefined)
    throw new HsmFailure(
      'unusable-library',
      `${module} has ${tokens.length} of what should be the only ${wanted}; give each token a label of its own`,
    );
  if (unreadable !== undefined) throw unreadable;
  const labels = initialized.map(({ info }) => text(info.label)).join(', ');
  throw new HsmFailure(
    'no-token',
    `${module} has no ${wanted} (it has: ${labels === '' ? 'none' : labels}); check the label, the library's configuration, and that this user may read it`,
  );
}

/** All tokens that tell of themselves; one that does not is no reason to refuse another. */
function listTokens(cryptoki: Cryptoki): { tokens: FoundToken[]; unreadable: unknown } {
  const tokens: FoundToken[] = [];
  let unreadable: unknown;
  for (const slot of cryptoki.C_GetSlotList(true)) {
    try {
      tokens.push({ slot, info: cryptoki.C_GetTokenInfo(slot) });
    } catch (error) {
      unreadable ??= error;
    }
  }
  return { tokens, unreadable };
}

/** A text of the library's without its padding, and fit to be printed. */
function text(padded: string): string {
  return padded.replace(/[\p{Cc}]/gu, ' ').trimEnd();
}
