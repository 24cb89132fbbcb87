import { CASES, casesFor } from '../../conformance/cases';
import { expectedFailures } from './harness/mutant';
import { REFUSAL_MUTANTS } from './mutants/authentication-and-errors';
import { ENCRYPTION_MUTANTS } from './mutants/encryption';
import { TELLING_MUTANTS } from './mutants/health-and-metadata';
import { REQUEST_METADATA_MUTANTS } from './mutants/request-metadata';
import { TRANSPORT_MUTANTS } from './mutants/transport';

const MUTANTS = [
  ...TRANSPORT_MUTANTS,
  ...TELLING_MUTANTS,
  ...REQUEST_METADATA_MUTANTS,
  ...ENCRYPTION_MUTANTS,
  ...REFUSAL_MUTANTS,
];

test('ids are unique, and of lower-case words', () => {
  const ids = CASES.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((id) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(id))).toEqual([]);
});

test('there is a mutant for every check; what needs a connection at all is caught by those that give none', () => {
  const [noConnection, others] = [
    MUTANTS.filter(({ fails }) => fails.includes('*')),
    MUTANTS.filter(({ fails }) => !fails.includes('*')),
  ].map((mutants) => new Set(mutants.flatMap(expectedFailures)));
  const left = CASES.map(({ id }) => id).filter((id) => others?.has(id) !== true);
  expect(left).toEqual(['tls-version', 'reachable']);
  expect(left.filter((id) => noConnection?.has(id) !== true)).toEqual([]);
});

test('every pattern of a mutant names a check', () => {
  const patterns = MUTANTS.flatMap(({ fails }) => fails).map((pattern) => pattern.replace(/^!/, ''));
  expect(patterns.filter((pattern) => expectedFailures({ fails: [pattern] }).length === 0)).toEqual([]);
});

test('checks of keys that cannot do everything, and of load, are made where they are asked for', () => {
  const due = (proxy: Parameters<typeof casesFor>[0]) => new Set(casesFor(proxy).map(({ id }) => id));
  const plain = due({ keys: { main: 'k' } });
  const asked = due({
    keys: { main: 'k', disabled: 'd', 'encrypt-only': 'e', 'decrypt-only': 'f' },
    load: 1,
  });
  expect([...asked].filter((id) => !plain.has(id))).toEqual([
    'disabled-key-status',
    'disabled-key-encrypt',
    'encrypt-only-key-usage',
    'encrypt-only-key-decrypt',
    'decrypt-only-key-usage',
    'decrypt-only-key-encrypt',
    'load',
  ]);
  expect(due({ keys: {} })).toEqual(plain);
});
