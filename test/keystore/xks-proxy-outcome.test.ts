import { isXksErrorName, XKS_ERROR_NAMES, XKS_PROXY_OUTCOMES } from '../../keystore/xks-proxy-outcome';
import type { XksProxyOutcome } from '../../keystore/xks-proxy-outcome';

/** As in `spec/xks.md` §3 and D22 to D24, D33, D34, written out once more: [exception, code, worth another try]. */
const EXPECTED: Record<XksProxyOutcome, [exception: string, code: string, retry: boolean]> = {
  'not-reachable': ['XksProxyUriUnreachableException', 'XKS_PROXY_NOT_REACHABLE', true],
  'connect-timed-out': ['XksProxyUriUnreachableException', 'XKS_PROXY_NOT_REACHABLE', true],
  'address-refused': ['XksProxyUriUnreachableException', 'XKS_PROXY_NOT_REACHABLE', false],
  'timed-out': ['XksProxyUriUnreachableException', 'XKS_PROXY_TIMED_OUT', true],
  'tls-failed': ['XksProxyUriUnreachableException', 'XKS_PROXY_INVALID_TLS_CONFIGURATION', false],
  'malformed-response': ['XksProxyInvalidResponseException', 'XKS_PROXY_INVALID_RESPONSE', false],
  'all-unavailable': ['XksProxyUriUnreachableException', 'XKS_PROXY_NOT_REACHABLE', true],
  ValidationException: ['XksProxyInvalidResponseException', 'XKS_PROXY_INVALID_RESPONSE', false],
  InvalidStateException: ['XksProxyInvalidResponseException', 'XKS_PROXY_INVALID_RESPONSE', false],
  InvalidCiphertextException: ['XksProxyInvalidResponseException', 'XKS_PROXY_INVALID_RESPONSE', false],
  InvalidKeyUsageException: ['XksProxyInvalidResponseException', 'XKS_PROXY_INVALID_RESPONSE', false],
  KeyNotFoundException: ['XksProxyInvalidResponseException', 'XKS_PROXY_INVALID_RESPONSE', false],
  UnsupportedOperationException: ['XksProxyInvalidResponseException', 'XKS_PROXY_INVALID_RESPONSE', false],
  InternalException: ['XksProxyInvalidResponseException', 'XKS_PROXY_INVALID_RESPONSE', true],
  AuthenticationFailedException: [
    'XksProxyIncorrectAuthenticationCredentialException',
    'INVALID_CREDENTIALS',
    false,
  ],
  AccessDeniedException: ['XksProxyInvalidConfigurationException', 'XKS_PROXY_ACCESS_DENIED', false],
  InvalidUriPathException: [
    'XksProxyInvalidConfigurationException',
    'XKS_PROXY_INVALID_CONFIGURATION',
    false,
  ],
  ThrottlingException: ['XksProxyUriUnreachableException', 'XKS_PROXY_NOT_REACHABLE', true],
  DependencyTimeoutException: ['XksProxyUriUnreachableException', 'XKS_PROXY_TIMED_OUT', true],
};

/** As in `spec/xks.md` §2, Errors from the proxy. */
const STATUSES: [name: string, status: number][] = [
  ['ValidationException', 400],
  ['InvalidStateException', 400],
  ['InvalidCiphertextException', 400],
  ['InvalidKeyUsageException', 400],
  ['AuthenticationFailedException', 401],
  ['AccessDeniedException', 403],
  ['KeyNotFoundException', 404],
  ['InvalidUriPathException', 404],
  ['ThrottlingException', 429],
  ['InternalException', 500],
  ['UnsupportedOperationException', 501],
  ['DependencyTimeoutException', 503],
];

const cells = Object.entries(EXPECTED).flatMap(([outcome, [exception, code, retry]]) => {
  const meaning = XKS_PROXY_OUTCOMES[outcome as XksProxyOutcome];
  return [
    [outcome, 'exception of Create and Update', exception, meaning.exception],
    [outcome, 'code of Connect', code, meaning.connectionErrorCode],
    [outcome, 'worth another try', retry, meaning.retry],
  ] as const;
});

describe('what the end of a request to a proxy means', () => {
  test.each(cells)('%s: %s is %s', (_outcome, _column, expected, actual) => {
    expect(actual).toBe(expected);
  });

  test('the table has these rows and no others', () => {
    expect(Object.keys(XKS_PROXY_OUTCOMES).sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  test.each(Object.entries(XKS_PROXY_OUTCOMES))(
    'the sentence for %s is a sentence for the caller, without the words of any proxy',
    (_outcome, { sentence }) => {
      expect(sentence).toMatch(/^(KMS|The external key store proxy) [\x20-\x7e]{20,200}\.$/);
      expect(sentence).not.toMatch(/Exception|errorName|HTTP/);
    },
  );
});

describe('error names of the proxy API', () => {
  test.each(STATUSES)('%s goes with HTTP %i', (name, status) => {
    expect(isXksErrorName(name)).toBe(true);
    expect(XKS_ERROR_NAMES[name as keyof typeof XKS_ERROR_NAMES]).toBe(status);
  });

  test('there are no others', () => {
    expect(Object.keys(XKS_ERROR_NAMES).sort()).toEqual(STATUSES.map(([name]) => name).sort());
  });

  test.each([
    '',
    'validationexception',
    'ValidationException ',
    'constructor',
    '__proto__',
    'timed-out',
    7,
    null,
  ])('%p is none', (value) => {
    expect(isXksErrorName(value)).toBe(false);
  });
});
