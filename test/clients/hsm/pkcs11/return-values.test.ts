import { createRequire } from 'node:module';
import fc from 'fast-check';
import { KNOWN_RETURN_VALUES, verdictOf } from '../../../../clients/hsm/pkcs11/return-values';

const CALLS = ['C_Initialize', 'C_OpenSession', 'C_Login', 'C_SetPIN'] as const;
const code = fc.oneof(
  fc.constantFrom(...KNOWN_RETURN_VALUES.keys()),
  fc.integer({ min: 1, max: 0xffffffff }),
);

/** The constants of the binding; none where it is not installed. */
function exportedByPkcs11js(): [string, number][] {
  let binding: Readonly<Record<string, unknown>>;
  try {
    binding = createRequire(__filename)('pkcs11js') as Readonly<Record<string, unknown>>;
  } catch {
    return [];
  }
  return Object.entries(binding).filter(
    (entry): entry is [string, number] => entry[0].startsWith('CKR_') && entry[0] !== 'CKR_OK',
  );
}

const exported = exportedByPkcs11js();
const withPkcs11js = exported.length > 0 ? test : test.skip;

withPkcs11js(
  `every return value that pkcs11js knows is in the table${exported.length > 0 ? '' : ' (skipped: the optional package pkcs11js is missing)'}`,
  () => {
    expect(Object.fromEntries(exported)).toEqual(
      Object.fromEntries(exported.map(([name]) => [name, codeOf(name)])),
    );
  },
);

function codeOf(name: string): number | undefined {
  return [...KNOWN_RETURN_VALUES].find(([, known]) => known === name)?.[0];
}

test('no two names of the table share a number', () => {
  const names = [...KNOWN_RETURN_VALUES.values()];
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThan(100);
});

test.each([
  ['C_Login', 'CKR_PIN_INCORRECT', 'wrong-password'],
  ['C_SetPIN', 'CKR_PIN_INCORRECT', 'wrong-password'],
  ['C_Login', 'CKR_PIN_LEN_RANGE', 'wrong-password'],
  ['C_SetPIN', 'CKR_PIN_LEN_RANGE', 'invalid-password'],
  ['C_Login', 'CKR_PIN_INVALID', 'wrong-password'],
  ['C_SetPIN', 'CKR_PIN_INVALID', 'invalid-password'],
  ['C_SetPIN', 'CKR_PIN_TOO_WEAK', 'invalid-password'],
  ['C_Login', 'CKR_PIN_LOCKED', 'locked-out'],
  ['C_SetPIN', 'CKR_PIN_LOCKED', 'locked-out'],
  ['C_Login', 'CKR_PIN_EXPIRED', 'locked-out'],
  ['C_Login', 'CKR_USER_PIN_NOT_INITIALIZED', 'user-not-found'],
  ['C_Login', 'CKR_USER_ALREADY_LOGGED_IN', 'logged-in-elsewhere'],
  ['C_Login', 'CKR_USER_ANOTHER_ALREADY_LOGGED_IN', 'logged-in-elsewhere'],
  ['C_Login', 'CKR_USER_TOO_MANY_TYPES', 'logged-in-elsewhere'],
  ['C_SetPIN', 'CKR_FUNCTION_NOT_SUPPORTED', 'unusable-library'],
  ['C_SetPIN', 'CKR_TOKEN_WRITE_PROTECTED', 'unusable-library'],
  ['C_OpenSession', 'CKR_TOKEN_NOT_PRESENT', 'no-token'],
  ['C_Login', 'CKR_TOKEN_NOT_PRESENT', 'no-answer'],
  ['C_OpenSession', 'CKR_DEVICE_ERROR', 'unreachable'],
  ['C_Login', 'CKR_DEVICE_ERROR', 'no-answer'],
  ['C_SetPIN', 'CKR_DEVICE_ERROR', 'no-answer'],
  ['C_Initialize', 'CKR_GENERAL_ERROR', 'unreachable'],
  ['C_Login', 'CKR_GENERAL_ERROR', 'hsm-error'],
  ['C_SetPIN', 'CKR_GENERAL_ERROR', 'no-answer'],
  ['C_OpenSession', 'CKR_SESSION_COUNT', 'unreachable'],
])('%s answered %s: %s', (call, name, reason) => {
  expect(verdictOf(call, codeOf(name) ?? 0).reason).toBe(reason);
});

test('a value that is not in the table is an error of the HSM, and its number is told', () => {
  const unknown = code.filter((value) => !KNOWN_RETURN_VALUES.has(value));
  fc.assert(
    fc.property(fc.constantFrom(...CALLS), unknown, (call, value) => {
      const { reason, message } = verdictOf(call, value);
      expect(reason).toBe('hsm-error');
      expect(message).toContain(`(${call}: 0x${value.toString(16).toUpperCase()})`);
    }),
  );
});

test('only what did not come as far as the PIN is told as never sent, whatever the value', () => {
  fc.assert(
    fc.property(fc.constantFrom('C_Login', 'C_SetPIN'), code, (call, value) => {
      expect(verdictOf(call, value).reason).not.toBe('unreachable');
    }),
  );
});

test('before the PIN is handed over no password is wrong, and no answer lost', () => {
  fc.assert(
    fc.property(fc.constantFrom('C_Initialize', 'C_OpenSession'), code, (call, value) => {
      expect(['wrong-password', 'invalid-password', 'no-answer']).not.toContain(
        verdictOf(call, value).reason,
      );
    }),
  );
});
