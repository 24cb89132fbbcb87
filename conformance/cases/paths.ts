import type { Case } from '../case';
import { OPERATION_NAMES, OPERATIONS } from '../specification';

/** Keys, paths and methods that a proxy does not have. */
export const PATH_CASES: readonly Case[] = [
  ...(['metadata', 'encrypt', 'decrypt'] as const).map((operation): Case => ({
    id: `unknown-key-${operation}`,
    title: `${OPERATION_NAMES[operation]} with a key that does not exist is KeyNotFoundException`,
    section: 'errors',
    check: {
      kind: 'answer',
      request: { operation, key: 'unknown' },
      expect: { refusal: ['KeyNotFoundException'] },
    },
  })),
  ...OPERATIONS.map((operation): Case => ({
    id: `unknown-path-${operation}`,
    title: `${OPERATION_NAMES[operation]} on a path that does not exist is InvalidUriPathException`,
    section: 'errors',
    check: {
      kind: 'answer',
      request: { operation, pathInsert: '/invalid' },
      expect: { refusal: ['InvalidUriPathException'] },
    },
  })),
  ...OPERATIONS.map((operation): Case => ({
    id: `get-${operation}`,
    title: `GET on the URI of ${OPERATION_NAMES[operation]} is HTTP 405`,
    section: 'operations',
    check: { kind: 'http-status', request: { operation, method: 'GET' }, status: 405 },
  })),
];
