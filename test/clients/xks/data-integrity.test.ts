import { dataIntegrityValue } from '../../../clients/xks/data-integrity';

const base64 = (text: string) => Buffer.from(text, 'base64');
const PARTS = {
  additionalAuthenticatedData: base64('cHJvamVjdD1uaWxlLGRlcGFydG1lbnQ9bWFya2V0aW5n'),
  ciphertextMetadata: base64('a2V5X3ZlcnNpb249MQ=='),
  initializationVector: base64('HMrlRw85cAJUd5Ax'),
  ciphertext: base64('ghxkK1txeDNn3q8Y'),
  authenticationTag: base64('vBxN2ncH1oEkR8WVXpmyYQ=='),
};

describe('the data integrity value', () => {
  test("is the one of the specification's vector", () => {
    expect(dataIntegrityValue(PARTS)).toBe('qHA/ImC9h5HsLRXqCyPmWgYx7tzyoTplzILbP0fPXsc=');
  });

  test('counts missing parts as empty', () => {
    const empty = Buffer.alloc(0);
    const { additionalAuthenticatedData: _a, ciphertextMetadata: _m, ...least } = PARTS;
    expect(dataIntegrityValue(least)).toBe(
      dataIntegrityValue({ ...least, additionalAuthenticatedData: empty, ciphertextMetadata: empty }),
    );
    expect(dataIntegrityValue(least)).not.toBe(dataIntegrityValue(PARTS));
  });

  test.each(Object.keys(PARTS) as (keyof typeof PARTS)[])('covers %s', (part) => {
    const changed = Buffer.from(PARTS[part]);
    changed[0] = (changed[0] ?? 0) ^ 1;
    expect(dataIntegrityValue({ ...PARTS, [part]: changed })).not.toBe(dataIntegrityValue(PARTS));
  });
});
