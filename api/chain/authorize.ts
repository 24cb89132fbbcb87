import { KmsException } from '../../keystore/kms-exceptions';
import type { Caller } from './authenticate';

/**
 * Whether one of the caller's `allow` patterns (`kms:*`, `kms:Describe*`) covers the operation. As in IAM, `*` stands
 * for any characters, and letter case of an action does not matter. Throws `AccessDeniedException` in AWS's words.
 */
export function authorize(caller: Caller, operation: string): void {
  const action = `kms:${operation}`;
  if (caller.allow.some((pattern) => actionMatches(pattern, action))) return;
  throw new KmsException(
    'AccessDeniedException',
    `User: ${caller.principalArn} is not authorized to perform: ${action} on resource: * because no identity-based policy allows the ${action} action`,
  );
}

/** Whether an action name matches a pattern with `*` as wildcard. */
export function actionMatches(pattern: string, action: string): boolean {
  if (pattern === '*' || pattern === 'kms:*') return true;
  const [first = '', ...rest] = pattern.toLowerCase().split('*');
  let remaining = action.toLowerCase();
  if (!remaining.startsWith(first)) return false;
  remaining = remaining.slice(first.length);
  const last = rest.pop();
  if (last === undefined) return remaining === '';
  for (const piece of rest) {
    const at = remaining.indexOf(piece);
    if (at < 0) return false;
    remaining = remaining.slice(at + piece.length);
  }
  return remaining.endsWith(last);
}
