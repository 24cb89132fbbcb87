import { isGood, membersOf } from '../harness/mutations';
import { accepting, erring, refusing } from '../harness/mutations';
import type { Call } from '../harness/mutating-proxy';
import type { Mutant } from '../harness/mutant';

const authorization = ({ headers }: Call): string => headers['authorization'] ?? '';
/** `Credential=` taken apart: access key id, day, Region, service. */
const scope = (call: Call): string[] =>
  (/Credential=([^,]*),/.exec(authorization(call))?.[1] ?? '').split('/');
const signedHeaders = (call: Call): string => /SignedHeaders=([^,]*),/.exec(authorization(call))?.[1] ?? '';

/** How far the clock of the signer is ahead, minutes. */
const aheadMinutes = ({ headers }: Call): number => {
  const iso = (headers['x-amz-date'] ?? '').replace(
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/,
    '$1-$2-$3T$4:$5:$6Z',
  );
  return (Date.parse(iso) - Date.now()) / 60_000;
};

const isPost = ({ method }: Call): boolean => method === 'POST';
const knownId = (call: Call): boolean =>
  scope(call)[0]?.startsWith('NOSUCH') === false && scope(call)[0] !== '';
const inTime = (call: Call): boolean => Math.abs(aheadMinutes(call)) < 5;
const rightService = (call: Call): boolean => scope(call)[3] === 'kms-xks-proxy';

/** Checks that expect a refusal, of proxies whose encryptions have metadata. */
const EVERY_REFUSAL = [
  'error-*',
  '*-without-metadata',
  '*-empty-metadata',
  '*-no-json',
  '*-no-base64',
  '*-no-text',
  '*-unknown-algorithm',
  '*-unknown-integrity-algorithm',
  'encrypt-without-plaintext',
  'encrypt-without-algorithm',
  'decrypt-changed-*',
  'decrypt-without-*',
  'decrypt-added-*',
  'decrypt-metadata-as-aad',
  'decrypt-short-*',
  'decrypt-longer-ciphertext',
  'wrong-*',
  'unsigned-*',
  'signed-other-*',
  'signed-6-*',
  'signed-in-6-*',
  'signed-for-*',
  'unknown-*',
  '*-key-encrypt',
  '*-key-decrypt',
  '!decrypt-added-metadata',
];

/** Bugs in who is let in, and in how errors are told. */
export const REFUSAL_MUTANTS: readonly Mutant[] = [
  {
    bug: 'does not verify signatures',
    mutation: accepting((call) => isPost(call) && knownId(call) && inTime(call) && rightService(call)),
    fails: [
      'wrong-secret-*',
      'signed-other-body',
      'signed-other-path',
      'signed-for-other-region',
      'error-*-authentication-failed-exception',
    ],
  },
  {
    bug: 'does not know its access key ids',
    mutation: accepting((call) => isPost(call) && authorization(call) !== '' && !knownId(call)),
    fails: ['wrong-access-key-id-*'],
  },
  {
    bug: 'lets in what is not signed',
    mutation: accepting((call) => isPost(call) && authorization(call) === ''),
    fails: ['unsigned-*'],
  },
  {
    bug: 'takes signatures of any time',
    mutation: accepting((call) => !inTime(call)),
    fails: ['signed-6-minutes-ago', 'signed-in-6-minutes'],
  },
  {
    bug: 'takes signatures for any service',
    mutation: accepting((call) => isPost(call) && authorization(call) !== '' && !rightService(call)),
    fails: ['signed-for-other-service'],
  },
  {
    bug: 'allows the clock one minute',
    mutation: refusing((call) => Math.abs(aheadMinutes(call)) > 1, 'AuthenticationFailedException'),
    fails: ['signed-4-minutes-ago', 'signed-in-4-minutes'],
  },
  {
    bug: 'knows two headers that can be signed',
    mutation: refusing((call) => signedHeaders(call) !== 'host;x-amz-date', 'AuthenticationFailedException'),
    fails: ['signed-more-headers'],
  },
  {
    bug: 'calls a wrong signature a lack of permission',
    mutation: erring((answer, errorName) =>
      errorName === 'AuthenticationFailedException'
        ? { ...answer, status: 403, body: '{"errorName":"AccessDeniedException"}' }
        : answer,
    ),
    fails: [
      'wrong-secret-*',
      'wrong-access-key-id-*',
      'unsigned-*',
      'signed-other-*',
      'signed-*-6-*',
      'signed-6-*',
      'signed-for-*',
    ],
  },
  {
    bug: 'fails over a key that it does not have',
    mutation: erring((answer, errorName) =>
      errorName === 'KeyNotFoundException'
        ? { ...answer, status: 500, body: '{"errorName":"InternalException"}' }
        : answer,
    ),
    fails: ['unknown-key-*'],
  },
  {
    bug: 'takes a wrong path for a wrong key',
    mutation: erring((answer, errorName) =>
      errorName === 'InvalidUriPathException'
        ? { ...answer, status: 404, body: '{"errorName":"KeyNotFoundException"}' }
        : answer,
    ),
    fails: ['unknown-path-*'],
  },
  {
    bug: 'has one HTTP status for every error',
    mutation: erring((answer) => (answer.status === 405 ? answer : { ...answer, status: 418 })),
    fails: ['error-status-*'],
  },
  {
    bug: 'sends HTTP 401 for what is wrong with a request',
    mutation: erring((answer) => (answer.status === 400 ? { ...answer, status: 401 } : answer)),
    fails: ['error-status-validation-exception', 'error-status-invalid-ciphertext-exception'],
  },
  {
    bug: 'sends lines of its stack trace as errorMessage',
    mutation: erring((answer) => ({
      ...answer,
      body: JSON.stringify({ ...membersOf(answer), errorMessage: 'failed\nat line 1' }),
    })),
    fails: ['error-message-*'],
  },
  {
    bug: 'has errorMessages of 512 characters',
    mutation: erring((answer) => ({
      ...answer,
      body: JSON.stringify({ ...membersOf(answer), errorMessage: 'no '.repeat(200).slice(0, 512) }),
    })),
    fails: ['error-message-*'],
  },
  {
    bug: 'tells its secret in headers and errors',
    mutation: async (call, upstream) => {
      const answer = await upstream.forward(call);
      const headers = { 'content-type': `text/${upstream.secret}` };
      if (isGood(answer)) return { ...answer, headers };
      const members = { ...membersOf(answer), errorName: 'InternalException', errorMessage: upstream.secret };
      return { ...answer, headers, body: JSON.stringify(members) };
    },
    fails: [...EVERY_REFUSAL, '*-content-type', '!error-message-*'],
  },
  {
    bug: 'sends errors as HTML',
    mutation: async (call, upstream) => {
      const answer = await upstream.forward(call);
      return isGood(answer)
        ? answer
        : { ...answer, headers: { 'content-type': 'text/html' }, body: `<h1>${answer.status}</h1>` };
    },
    fails: EVERY_REFUSAL,
  },
];
