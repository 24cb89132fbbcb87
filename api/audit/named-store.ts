import { z } from 'zod';
import { STORE_ID_PATTERN } from '../../keystore/naming';
import { parseBody } from '../chain/parse-body';
import { CustomKeyStoreName } from '../members';

/**
 * Which store a call names that was refused before its members had been examined: for the audit log, and only where
 * the signature was good. An id has to look like one, a name to be one of the operation's members and to pass the
 * model; nothing else is looked at, since what is misplaced or unknown may be a secret.
 */
export function namedStore(
  schema: z.ZodType,
  body: Uint8Array,
): { CustomKeyStoreId?: string; CustomKeyStoreName?: string } {
  let members: Record<string, unknown>;
  try {
    members = parseBody(body);
  } catch {
    return {};
  }
  const known = (member: string): unknown =>
    schema instanceof z.ZodObject && member in schema.shape ? members[member] : undefined;
  const id = known('CustomKeyStoreId');
  const name = CustomKeyStoreName.safeParse(known('CustomKeyStoreName'));
  return {
    ...(typeof id === 'string' && STORE_ID_PATTERN.test(id) && { CustomKeyStoreId: id }),
    ...(name.success && { CustomKeyStoreName: name.data }),
  };
}
