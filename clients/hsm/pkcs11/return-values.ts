import type { HsmFailureReason } from '../hsm-login';

/**
 * How far a request had come when the library answered with something other than CKR_OK.
 * - `before`: the PIN had not been handed over yet (C_Initialize, C_GetTokenInfo, C_OpenSession, …)
 * - `login`: C_Login
 * - `change`: C_SetPIN
 */
export type CallStage = 'before' | 'login' | 'change';

/** What a return value means. The message goes on after "token …: " and tells an operator what to do. */
export interface Verdict {
  reason: HsmFailureReason;
  message: string;
}

/*
 * Sorted by what may have happened. A wrong password is one that certainly counted; `unreachable` is kept for what
 * certainly did not reach the token with a PIN; whatever says that the device or the way to it broke down after that is
 * `no-answer`. What trying again cannot help, and is not the password's or the user's fault, is `unusable-library`.
 */
const VERDICTS = {
  wrongPassword: {
    reason: 'wrong-password',
    message:
      "the password of kmsuser is not the one that the key store knows; update the store's KeyStorePassword",
  },
  locked: {
    reason: 'locked-out',
    message:
      "kmsuser is locked after too many wrong passwords; set a new password for it on the token and update the store's KeyStorePassword",
  },
  // Not a wrong password, and no other one helps; the remedy is that of a locked user.
  expired: {
    reason: 'locked-out',
    message:
      "kmsuser's password has expired; set a new one on the token and update the store's KeyStorePassword",
  },
  noUser: {
    reason: 'user-not-found',
    message: "its user has no PIN yet; set it with the vendor's tool, as the security officer",
  },
  loggedIn: {
    reason: 'logged-in-elsewhere',
    message: 'a user is logged in to it through this library already; log it out in the other application',
  },
  refusesPassword: {
    reason: 'invalid-password',
    message: 'it does not take the new password; check its rules for PINs (32 letters and digits are set)',
  },
  noToken: {
    reason: 'no-token',
    message:
      "it is not there any more; check that the HSM is plugged in, on, and in the library's configuration",
  },
  notInitialized: {
    reason: 'no-token',
    message:
      "it is not initialized, or not of a kind that this library knows; initialize it with the vendor's tool",
  },
  noWay: {
    reason: 'unreachable',
    message:
      "the library does not get through to it; check the HSM, the network to it and the library's configuration and log",
  },
  tooManySessions: {
    reason: 'unreachable',
    message: 'it has no session or memory left; close other applications that use it, or raise its limit',
  },
  brokeOff: {
    reason: 'no-answer',
    message:
      "the way to it broke down during the call, so whether it was done is not known; check the HSM, the network to it and the library's log",
  },
  mayBeDone: {
    reason: 'no-answer',
    message:
      "the library failed in the middle of the change, so whether it was done is not known; look into the library's log",
  },
  failed: {
    reason: 'hsm-error',
    message: 'the library or the HSM failed; look into the logs of both',
  },
  outOfPlace: {
    reason: 'hsm-error',
    message: "that answer has no place here; look into the library's log and ask its vendor",
  },
  cannotChange: {
    reason: 'unusable-library',
    message:
      "its user cannot change the password through this library, which a connect needs; check the HSM's policy, and that the token is not write-protected",
  },
  unsupported: {
    reason: 'unusable-library',
    message: "the library does not offer this call; use a version of the vendor's library that does",
  },
  cannotStart: {
    reason: 'unusable-library',
    message: 'the library cannot work in this process; check its requirements, or use another version of it',
  },
} as const satisfies Record<string, Verdict>;

/** Of a token that says so of itself. */
export const NO_PIN_YET: Verdict = VERDICTS.noUser;
export const LOCKED: Verdict = VERDICTS.locked;

type VerdictName = keyof typeof VERDICTS;

/** In the order of `CallStage`; one name alone holds for all three. */
type Row = readonly [code: number, before: VerdictName, login?: VerdictName, change?: VerdictName];

/**
 * Every return value of PKCS#11 2.40, and those that 3.0 to 3.2 added, but CKR_OK. Most have to do with keys and
 * mechanisms, which a login does not touch.
 */
const ROWS: Readonly<Record<string, Row>> = {
  CKR_CANCEL: [0x1, 'failed'],
  CKR_HOST_MEMORY: [0x2, 'tooManySessions', 'failed', 'mayBeDone'],
  CKR_SLOT_ID_INVALID: [0x3, 'noToken', 'outOfPlace', 'outOfPlace'],
  // The worst of all: it may have been done in part.
  CKR_GENERAL_ERROR: [0x5, 'noWay', 'failed', 'mayBeDone'],
  CKR_FUNCTION_FAILED: [0x6, 'noWay', 'failed', 'mayBeDone'],
  CKR_ARGUMENTS_BAD: [0x7, 'outOfPlace'],
  CKR_NO_EVENT: [0x8, 'outOfPlace'],
  CKR_NEED_TO_CREATE_THREADS: [0x9, 'cannotStart'],
  CKR_CANT_LOCK: [0xa, 'cannotStart'],
  CKR_ATTRIBUTE_READ_ONLY: [0x10, 'outOfPlace'],
  CKR_ATTRIBUTE_SENSITIVE: [0x11, 'outOfPlace'],
  CKR_ATTRIBUTE_TYPE_INVALID: [0x12, 'outOfPlace'],
  CKR_ATTRIBUTE_VALUE_INVALID: [0x13, 'outOfPlace'],
  CKR_COPY_PROHIBITED: [0x1a, 'outOfPlace'],
  CKR_ACTION_PROHIBITED: [0x1b, 'outOfPlace', 'outOfPlace', 'cannotChange'],
  CKR_DATA_INVALID: [0x20, 'outOfPlace'],
  CKR_DATA_LEN_RANGE: [0x21, 'outOfPlace'],
  CKR_DEVICE_ERROR: [0x30, 'noWay', 'brokeOff', 'brokeOff'],
  CKR_DEVICE_MEMORY: [0x31, 'tooManySessions', 'failed', 'mayBeDone'],
  // A network HSM comes back: not `no-token`, which is final.
  CKR_DEVICE_REMOVED: [0x32, 'noWay', 'brokeOff', 'brokeOff'],
  CKR_ENCRYPTED_DATA_INVALID: [0x40, 'outOfPlace'],
  CKR_ENCRYPTED_DATA_LEN_RANGE: [0x41, 'outOfPlace'],
  CKR_AEAD_DECRYPT_FAILED: [0x42, 'outOfPlace'],
  CKR_FUNCTION_CANCELED: [0x50, 'noWay', 'brokeOff', 'mayBeDone'],
  CKR_FUNCTION_NOT_PARALLEL: [0x51, 'outOfPlace'],
  CKR_FUNCTION_NOT_SUPPORTED: [0x54, 'unsupported', 'unsupported', 'cannotChange'],
  CKR_KEY_HANDLE_INVALID: [0x60, 'outOfPlace'],
  CKR_KEY_SIZE_RANGE: [0x62, 'outOfPlace'],
  CKR_KEY_TYPE_INCONSISTENT: [0x63, 'outOfPlace'],
  CKR_KEY_NOT_NEEDED: [0x64, 'outOfPlace'],
  CKR_KEY_CHANGED: [0x65, 'outOfPlace'],
  CKR_KEY_NEEDED: [0x66, 'outOfPlace'],
  CKR_KEY_INDIGESTIBLE: [0x67, 'outOfPlace'],
  CKR_KEY_FUNCTION_NOT_PERMITTED: [0x68, 'outOfPlace'],
  CKR_KEY_NOT_WRAPPABLE: [0x69, 'outOfPlace'],
  CKR_KEY_UNEXTRACTABLE: [0x6a, 'outOfPlace'],
  CKR_MECHANISM_INVALID: [0x70, 'outOfPlace'],
  CKR_MECHANISM_PARAM_INVALID: [0x71, 'outOfPlace'],
  CKR_OBJECT_HANDLE_INVALID: [0x82, 'outOfPlace'],
  CKR_OPERATION_ACTIVE: [0x90, 'outOfPlace'],
  CKR_OPERATION_NOT_INITIALIZED: [0x91, 'outOfPlace'],
  CKR_PIN_INCORRECT: [0xa0, 'outOfPlace', 'wrongPassword', 'wrongPassword'],
  // By the standard these two are about a PIN to be set; where a login gets them, that PIN is not the token's.
  CKR_PIN_INVALID: [0xa1, 'outOfPlace', 'wrongPassword', 'refusesPassword'],
  CKR_PIN_LEN_RANGE: [0xa2, 'outOfPlace', 'wrongPassword', 'refusesPassword'],
  CKR_PIN_EXPIRED: [0xa3, 'outOfPlace', 'expired', 'expired'],
  CKR_PIN_LOCKED: [0xa4, 'locked'],
  CKR_SESSION_CLOSED: [0xb0, 'noWay', 'brokeOff', 'brokeOff'],
  CKR_SESSION_COUNT: [0xb1, 'tooManySessions', 'outOfPlace', 'outOfPlace'],
  CKR_SESSION_HANDLE_INVALID: [0xb3, 'noWay', 'brokeOff', 'brokeOff'],
  CKR_SESSION_PARALLEL_NOT_SUPPORTED: [0xb4, 'outOfPlace'],
  CKR_SESSION_READ_ONLY: [0xb5, 'cannotChange'],
  CKR_SESSION_EXISTS: [0xb6, 'outOfPlace'],
  CKR_SESSION_READ_ONLY_EXISTS: [0xb7, 'outOfPlace'],
  // The security officer is logged in.
  CKR_SESSION_READ_WRITE_SO_EXISTS: [0xb8, 'loggedIn'],
  CKR_SIGNATURE_INVALID: [0xc0, 'outOfPlace'],
  CKR_SIGNATURE_LEN_RANGE: [0xc1, 'outOfPlace'],
  CKR_TEMPLATE_INCOMPLETE: [0xd0, 'outOfPlace'],
  CKR_TEMPLATE_INCONSISTENT: [0xd1, 'outOfPlace'],
  CKR_TOKEN_NOT_PRESENT: [0xe0, 'noToken', 'brokeOff', 'brokeOff'],
  CKR_TOKEN_NOT_RECOGNIZED: [0xe1, 'notInitialized'],
  CKR_TOKEN_WRITE_PROTECTED: [0xe2, 'cannotChange'],
  CKR_UNWRAPPING_KEY_HANDLE_INVALID: [0xf0, 'outOfPlace'],
  CKR_UNWRAPPING_KEY_SIZE_RANGE: [0xf1, 'outOfPlace'],
  CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT: [0xf2, 'outOfPlace'],
  CKR_USER_ALREADY_LOGGED_IN: [0x100, 'loggedIn'],
  // In a change it comes only once the user was logged in for it.
  CKR_USER_NOT_LOGGED_IN: [0x101, 'outOfPlace', 'outOfPlace', 'cannotChange'],
  CKR_USER_PIN_NOT_INITIALIZED: [0x102, 'noUser'],
  CKR_USER_TYPE_INVALID: [0x103, 'outOfPlace', 'unsupported', 'cannotChange'],
  CKR_USER_ANOTHER_ALREADY_LOGGED_IN: [0x104, 'loggedIn'],
  CKR_USER_TOO_MANY_TYPES: [0x105, 'loggedIn'],
  CKR_WRAPPED_KEY_INVALID: [0x110, 'outOfPlace'],
  CKR_WRAPPED_KEY_LEN_RANGE: [0x112, 'outOfPlace'],
  CKR_WRAPPING_KEY_HANDLE_INVALID: [0x113, 'outOfPlace'],
  CKR_WRAPPING_KEY_SIZE_RANGE: [0x114, 'outOfPlace'],
  CKR_WRAPPING_KEY_TYPE_INCONSISTENT: [0x115, 'outOfPlace'],
  CKR_RANDOM_SEED_NOT_SUPPORTED: [0x120, 'outOfPlace'],
  CKR_RANDOM_NO_RNG: [0x121, 'outOfPlace'],
  CKR_DOMAIN_PARAMS_INVALID: [0x130, 'outOfPlace'],
  CKR_CURVE_NOT_SUPPORTED: [0x140, 'outOfPlace'],
  CKR_BUFFER_TOO_SMALL: [0x150, 'outOfPlace'],
  CKR_SAVED_STATE_INVALID: [0x160, 'outOfPlace'],
  CKR_INFORMATION_SENSITIVE: [0x170, 'outOfPlace'],
  CKR_STATE_UNSAVEABLE: [0x180, 'outOfPlace'],
  CKR_CRYPTOKI_NOT_INITIALIZED: [0x190, 'noWay', 'failed', 'failed'],
  CKR_CRYPTOKI_ALREADY_INITIALIZED: [0x191, 'noWay', 'outOfPlace', 'outOfPlace'],
  CKR_MUTEX_BAD: [0x1a0, 'failed'],
  CKR_MUTEX_NOT_LOCKED: [0x1a1, 'failed'],
  // One-time passwords: nothing that a stored password can answer.
  CKR_NEW_PIN_MODE: [0x1b0, 'outOfPlace', 'unsupported', 'cannotChange'],
  CKR_NEXT_OTP: [0x1b1, 'outOfPlace', 'unsupported', 'cannotChange'],
  CKR_EXCEEDED_MAX_ITERATIONS: [0x1b5, 'outOfPlace'],
  CKR_FIPS_SELF_TEST_FAILED: [0x1b6, 'failed'],
  CKR_LIBRARY_LOAD_FAILED: [0x1b7, 'cannotStart'],
  CKR_PIN_TOO_WEAK: [0x1b8, 'outOfPlace', 'outOfPlace', 'refusesPassword'],
  CKR_PUBLIC_KEY_INVALID: [0x1b9, 'outOfPlace'],
  // Somebody has to consent, and did not.
  CKR_FUNCTION_REJECTED: [0x200, 'failed'],
  CKR_TOKEN_RESOURCE_EXCEEDED: [0x201, 'tooManySessions', 'failed', 'mayBeDone'],
  CKR_OPERATION_CANCEL_FAILED: [0x202, 'outOfPlace'],
  CKR_KEY_EXHAUSTED: [0x203, 'outOfPlace'],
  CKR_PENDING: [0x204, 'outOfPlace', 'brokeOff', 'mayBeDone'],
  CKR_SESSION_ASYNC_NOT_SUPPORTED: [0x205, 'outOfPlace'],
  CKR_SEED_RANDOM_REQUIRED: [0x206, 'failed'],
  CKR_OPERATION_NOT_VALIDATED: [0x207, 'failed'],
  CKR_TOKEN_NOT_INITIALIZED: [0x208, 'notInitialized'],
  CKR_PARAMETER_SET_NOT_SUPPORTED: [0x209, 'outOfPlace'],
};

const BY_CODE = new Map(Object.entries(ROWS).map(([name, row]) => [row[0], { name, row }]));

/** The return values that the table knows, by number. */
export const KNOWN_RETURN_VALUES: ReadonlyMap<number, string> = new Map(
  [...BY_CODE].map(([code, { name }]) => [code, name]),
);

/**
 * What a return value of a PKCS#11 call means for the request that it ended.
 *
 * @param call the function that returned it, `C_Login` for example
 * @param code other than CKR_OK; an unknown or a vendor's own one is `hsm-error`
 */
export function verdictOf(call: string, code: number): Verdict {
  const known = BY_CODE.get(code);
  const { reason, message } = known ? VERDICTS[verdictName(known.row, stageOf(call))] : VERDICTS.failed;
  const name = known?.name ?? `0x${code.toString(16).toUpperCase()}`;
  return { reason, message: `${message} (${call}: ${name})` };
}

function verdictName([, before, login, change]: Row, stage: CallStage): VerdictName {
  return { before, login: login ?? before, change: change ?? before }[stage];
}

function stageOf(call: string): CallStage {
  return STAGES[call] ?? 'before';
}

/** Everything else comes before the PIN is handed over. */
const STAGES: Readonly<Record<string, CallStage>> = { C_Login: 'login', C_SetPIN: 'change' };
