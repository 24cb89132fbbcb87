import type { Case } from '../case';
import type { SigningRecipe } from '../request-recipe';
import { OPERATION_NAMES, OPERATIONS } from '../specification';

/** Signatures that no operation may accept, by the start of the id. */
const EVERYWHERE: Readonly<Record<string, { title: string; signing: SigningRecipe }>> = {
  'wrong-secret': { title: 'signed with another secret', signing: { secret: 'wrong' } },
  'wrong-access-key-id': {
    title: 'of an access key id that is not known',
    signing: { accessKeyId: 'unknown' },
  },
  unsigned: { title: 'that is not signed', signing: { scheme: 'none' } },
};

/** Signatures that are looked at the same way whatever the operation. */
const REFUSED: Readonly<Record<string, { title: string; signing: SigningRecipe }>> = {
  'signed-other-body': {
    title: 'A signature over another body is refused',
    signing: { overBody: '{}' },
  },
  'signed-other-path': {
    title: 'A signature over another path is refused',
    signing: { overPathSuffix: '/of-something-else' },
  },
  'signed-6-minutes-ago': {
    title: 'A signature of six minutes ago is refused',
    signing: { clockMinutes: -6 },
  },
  'signed-in-6-minutes': {
    title: 'A signature of six minutes from now is refused',
    signing: { clockMinutes: 6 },
  },
  'signed-for-other-service': {
    title: 'A signature for another service than kms-xks-proxy is refused',
    signing: { service: 'kms' },
  },
  'signed-for-other-region': {
    title: 'A signature that was made for another Region than its scope names is refused',
    signing: { madeForRegion: 'xx-elsewhere-9' },
  },
};

const ACCEPTED: Readonly<Record<string, { title: string; signing: SigningRecipe }>> = {
  'signed-4-minutes-ago': {
    title: 'A signature of four minutes ago is accepted',
    signing: { clockMinutes: -4 },
  },
  'signed-in-4-minutes': {
    title: 'A signature of four minutes from now is accepted',
    signing: { clockMinutes: 4 },
  },
  'signed-more-headers': {
    title: 'A signature over more headers than host and x-amz-date is accepted',
    signing: { alsoSigned: { 'content-type': 'application/json', 'x-amz-meta-of-the-future': 'anything' } },
  },
};

/** Signature Version 4: who may ask. */
export const AUTHENTICATION_CASES: readonly Case[] = [
  ...Object.entries(EVERYWHERE).flatMap(([start, { title, signing }]) =>
    OPERATIONS.map((operation): Case => ({
      id: `${start}-${operation}`,
      title: `${OPERATION_NAMES[operation]} refuses a request ${title}`,
      section: 'authentication',
      check: {
        kind: 'answer',
        request: { operation, signing },
        expect: { refusal: ['AuthenticationFailedException'] },
      },
    })),
  ),
  ...Object.entries(REFUSED).map(([id, { title, signing }]): Case => ({
    id,
    title,
    section: 'signing',
    check: {
      kind: 'answer',
      request: { operation: 'health', signing },
      expect: { refusal: ['AuthenticationFailedException'] },
    },
  })),
  ...Object.entries(ACCEPTED).map(([id, { title, signing }]): Case => ({
    id,
    title,
    section: 'signing',
    check: {
      kind: 'answer',
      request: { operation: 'health', signing },
      expect: { success: 'is-answered' },
    },
  })),
];
