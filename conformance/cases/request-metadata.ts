import type { Case, Check } from '../case';
import type { RequestMetadata } from '../request-recipe';
import { FUTURE_KMS_OPERATION, KMS_OPERATIONS, LIMITS, OPERATION_NAMES } from '../specification';
import type { Section } from '../specification';
import { kebab } from './kebab';

/** The three operations that tell who calls, and for what. */
const KEY_OPERATIONS = ['metadata', 'encrypt', 'decrypt'] as const;
type KeyOperation = (typeof KEY_OPERATIONS)[number];

const ROLE_ARN_START = 'arn:aws:iam::123456789012:role/';

/** What KMS may say about a call, by the end of the id. */
const VARIATIONS: Readonly<Record<string, { title: string; metadata: RequestMetadata; section?: Section }>> =
  {
    'principal-role': {
      title: 'for an assumed role',
      metadata: { awsPrincipalArn: 'arn:aws:sts::123456789012:assumed-role/Backup/nightly' },
    },
    'principal-service': {
      title: 'for a service principal',
      metadata: { awsPrincipalArn: 'ec2.amazonaws.com' },
    },
    'principal-internal': { title: 'for "AWS Internal"', metadata: { awsPrincipalArn: 'AWS Internal' } },
    'principal-longest': {
      title: `for a principal's ARN of ${LIMITS.arnCharacters} characters`,
      metadata: { awsPrincipalArn: ROLE_ARN_START.padEnd(LIMITS.arnCharacters, 'r') },
      section: 'operations',
    },
    'via-service': {
      title: 'by way of another AWS service',
      metadata: { kmsViaService: 's3.us-east-1.amazonaws.com' },
    },
    'through-vpc-endpoint': {
      title: 'through a VPC endpoint',
      metadata: { awsSourceVpc: 'vpc-0123456789abcdef0', awsSourceVpce: 'vpce-0123456789abcdef0' },
    },
    'other-key-arn': {
      title: 'for another KMS key, in another partition',
      metadata: {
        kmsKeyArn: 'arn:aws-us-gov:kms:us-gov-west-1:999988887777:key/mrk-1234abcd12ab34cd56ef1234567890ab',
      },
    },
    'opaque-request-id': {
      title: 'with a kmsRequestId that is no UUID',
      metadata: { kmsRequestId: 'an opaque text, no UUID' },
    },
    'future-metadata': {
      title: 'with members of requestMetadata that are not known yet',
      metadata: { sourceIdentity: 'Alice', aFutureMember: { with: ['anything', 1] } },
      section: 'requestMetadata',
    },
  };

const check = (operation: KeyOperation, metadata: RequestMetadata): Check =>
  operation === 'metadata'
    ? { kind: 'answer', request: { operation, metadata }, expect: { success: 'is-answered' } }
    : {
        kind: 'round-trip',
        plaintextBytes: 32,
        additionalDataBytes: 32,
        ...(operation === 'encrypt' ? { encryptMetadata: metadata } : { decryptMetadata: metadata }),
      };

/** DescribeKey is the one call for a key's metadata that has a KMS key already. */
const forOperation = (kmsOperation: string): RequestMetadata =>
  kmsOperation === 'DescribeKey'
    ? {
        kmsOperation,
        kmsKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab',
      }
    : { kmsOperation };

/** What the requests about keys say of the caller and the call: a proxy may log it and authorize by it, never choke on it. */
export const REQUEST_METADATA_CASES: readonly Case[] = KEY_OPERATIONS.flatMap((operation): Case[] => [
  ...[...KMS_OPERATIONS[operation], FUTURE_KMS_OPERATION].map((kmsOperation): Case => ({
    id: `${operation}-operation-${kebab(kmsOperation)}`,
    title: `${OPERATION_NAMES[operation]} serves ${kmsOperation === FUTURE_KMS_OPERATION ? 'a kmsOperation that is not known yet' : kmsOperation}`,
    section: operation,
    check: check(operation, forOperation(kmsOperation)),
  })),
  ...Object.entries(VARIATIONS).map(([id, { title, metadata, section }]): Case => ({
    id: `${operation}-${id}`,
    title: `${OPERATION_NAMES[operation]} works ${title}`,
    section: section ?? operation,
    check: check(operation, metadata),
  })),
  {
    id: `${operation}-future-member`,
    title: `${OPERATION_NAMES[operation]} ignores members of the request that are not known yet`,
    section: 'requestMetadata',
    check: {
      kind: 'answer',
      request: { operation, members: { aFutureMember: 'anything' } },
      expect: { success: 'is-answered' },
    },
  },
]);
