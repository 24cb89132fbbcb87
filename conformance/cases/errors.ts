import type { Case } from '../case';
import type { RequestRecipe } from '../request-recipe';
import { kebab } from './kebab';

/** A request that provokes each error that can be provoked from outside; tampering is one, too. */
const PROVOKED: readonly { error: string; request: RequestRecipe }[] = [
  {
    error: 'ValidationException',
    request: { operation: 'encrypt', members: { plaintext: undefined } },
  },
  {
    error: 'InvalidCiphertextException',
    request: { operation: 'decrypt', members: { authenticationTag: 'AAAAAAAAAAAAAAAAAAAAAA==' } },
  },
  {
    error: 'AuthenticationFailedException',
    request: { operation: 'health', signing: { secret: 'wrong' } },
  },
  { error: 'KeyNotFoundException', request: { operation: 'metadata', key: 'unknown' } },
  { error: 'InvalidUriPathException', request: { operation: 'health', pathInsert: '/invalid' } },
];

/** The form of errors: KMS needs the name; operators of the key store are shown the rest in their logs. */
export const ERROR_CASES: readonly Case[] = PROVOKED.flatMap(({ error, request }): Case[] => [
  {
    id: `error-status-${kebab(error)}`,
    title: `${error} has the HTTP status of its name`,
    section: 'errors',
    check: { kind: 'error-form', request, rule: 'has-the-status-of-its-name' },
  },
  {
    id: `error-content-type-${kebab(error)}`,
    title: `${error} comes as application/json`,
    section: 'contentType',
    check: { kind: 'error-form', request, rule: 'has-json-content-type' },
  },
  {
    id: `error-message-${kebab(error)}`,
    title: `The errorMessage of ${error}, if any, is short printable ASCII`,
    section: 'errors',
    check: { kind: 'error-form', request, rule: 'message-is-short-and-printable' },
  },
]);
