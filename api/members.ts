import { z } from 'zod';

/**
 * Schemas of the request members, with the constraints of the published service model (`spec/kms.md` §2, "Shared
 * member constraints"). `chain/validate-input.ts` turns what they find into AWS's wording.
 */

/** How a string member is constrained. Lengths in characters. */
interface TextConstraints {
  min: number;
  max: number;
  /** as the model prints it; the whole value has to match */
  pattern?: string;
  /** it goes into the database as text */
  stored?: boolean;
}

const UNSTORABLE = /\0|\p{Surrogate}/u;

/**
 * The words for a character that no store could keep: U+0000 has no place in PostgreSQL's text, and half a surrogate
 * pair none in UTF-8. The model is silent.
 */
export const UNSTORABLE_TEXT = 'Member must not contain the character U+0000 or an unpaired surrogate';

type RawIssue = z.core.$ZodRawIssue;

function text(constraints: TextConstraints) {
  return z.string().check(({ value, issues }) => {
    issues.push(...textIssues(value, constraints));
  });
}

/** Every constraint that a value violates: AWS lists them all. */
function textIssues(value: string, { min, max, pattern, stored }: TextConstraints): RawIssue[] {
  const issues: RawIssue[] = [];
  const length = lengthOf(value);
  if (length < min) {
    issues.push({ code: 'too_small', origin: 'string', minimum: min, inclusive: true, input: value });
  }
  if (length > max) {
    issues.push({ code: 'too_big', origin: 'string', maximum: max, inclusive: true, input: value });
  }
  if (pattern !== undefined && !wholeMatch(pattern).test(value)) {
    issues.push({ code: 'invalid_format', format: 'regex', pattern, input: value });
  }
  if (stored && UNSTORABLE.test(value)) {
    issues.push({ code: 'custom', input: value, params: { constraint: UNSTORABLE_TEXT } });
  }
  return issues;
}

const compiled = new Map<string, RegExp>();

function wholeMatch(pattern: string): RegExp {
  const known = compiled.get(pattern) ?? new RegExp(`^(?:${pattern})$`, 'u');
  compiled.set(pattern, known);
  return known;
}

/** Characters, not UTF-16 units, as the database counts too. */
function lengthOf(value: string): number {
  let length = 0;
  for (const _ of value) length += 1;
  return length;
}

/** Members whose values no message may repeat: `sensitive` in the model. */
export const SENSITIVE_MEMBERS: ReadonlySet<string> = new Set([
  'KeyStorePassword',
  'AccessKeyId',
  'RawSecretAccessKey',
]);

export const CustomKeyStoreId = text({ min: 1, max: 64 });
export const CustomKeyStoreName = text({ min: 1, max: 256, stored: true });
export const CloudHsmClusterId = text({ min: 19, max: 24, pattern: 'cluster-[2-7a-zA-Z]{11,16}' });
export const TrustAnchorCertificate = text({ min: 1, max: 5000, stored: true });
export const KeyStorePassword = text({ min: 7, max: 32, stored: true });
export const CustomKeyStoreType = z.enum(['AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE']);
export const Limit = z.int().min(1).max(1000);
export const Marker = text({ min: 1, max: 1024, pattern: String.raw`[\u0020-\u00FF]*` });

export const XksProxyConnectivity = z.enum(['PUBLIC_ENDPOINT', 'VPC_ENDPOINT_SERVICE']);
export const XksProxyUriEndpoint = text({ min: 10, max: 128, pattern: '^https://[a-zA-Z0-9.-]+$' });
export const XksProxyUriPath = text({
  min: 10,
  max: 128,
  pattern: String.raw`^(/[a-zA-Z0-9\/_-]+/kms/xks/v\d{1,2})$|^(/kms/xks/v\d{1,2})$`,
});
const SERVICE_NAME: TextConstraints = {
  min: 20,
  max: 64,
  pattern: String.raw`^(com|eu)\.amazonaws\.vpce\.([a-z]+-){2,3}\d+\.vpce-svc-[0-9a-z]+$`,
};
export const XksProxyVpcEndpointServiceName = text(SERVICE_NAME);
/** Of Update: an empty one is "none", and goes only with a switch to PUBLIC_ENDPOINT (D21). */
export const XksProxyVpcEndpointServiceNameOrNone = z.string().check(({ value, issues }) => {
  if (value !== '') issues.push(...textIssues(value, SERVICE_NAME));
});
/** The issues of an empty service name where it does not mean "none"; `path`: where it stands. */
export function emptyServiceNameIssues(path: string[]): RawIssue[] {
  return textIssues('', SERVICE_NAME).map((issue) => ({ ...issue, path }));
}
export const XksProxyVpcEndpointServiceOwner = text({ min: 12, max: 12, pattern: '[0-9]{12}' });
export const XksProxyAuthenticationCredential = z.object({
  AccessKeyId: text({ min: 20, max: 30, pattern: '^[A-Z2-7]+$' }),
  RawSecretAccessKey: text({ min: 43, max: 64, pattern: String.raw`^[a-zA-Z0-9\/+=]+$` }),
});
