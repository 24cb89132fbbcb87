import { KmsException } from '../../keystore/kms-exceptions';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The members of a request's body: one JSON object. A member that is null counts as absent, as in AWS's own
 * services. Throws `SerializationException` for anything else.
 */
export function parseBody(body: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(UTF8.decode(body));
  } catch {
    throw new KmsException('SerializationException', 'The request body is not valid JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new KmsException('SerializationException', 'The request body is not a JSON object.');
  }
  return withoutNulls(value, 1);
}

/** `depth`: how many levels below are looked at, too. The deepest input member lies one level down. */
function withoutNulls(value: object, depth: number): Record<string, unknown> {
  const members: [string, unknown][] = [];
  for (const [name, member] of Object.entries(value) as [string, unknown][]) {
    if (member === null || name === '__proto__') continue;
    const nested = depth > 0 && typeof member === 'object' && !Array.isArray(member);
    members.push([name, nested ? withoutNulls(member, depth - 1) : member]);
  }
  return Object.fromEntries(members);
}
