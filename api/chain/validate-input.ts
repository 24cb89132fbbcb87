import type { z } from 'zod';
import { KmsException } from '../../keystore/kms-exceptions';
import { SENSITIVE_MEMBERS } from '../members';

/**
 * The input as the operation's schema has it. A value of the wrong JSON type is a `SerializationException`; violated
 * constraints are one `ValidationException` that lists them all, in AWS's own words (`spec/kms.md` §1).
 * Members that the schema does not know are dropped.
 */
export function validateInput(schema: z.ZodType, members: Record<string, unknown>): unknown {
  const parsed = schema.safeParse(members, { reportInput: true });
  if (parsed.success) return parsed.data;
  const failures: string[] = [];
  for (const issue of parsed.error.issues) {
    const mistyped = typeMismatch(issue);
    if (mistyped !== undefined) throw new KmsException('SerializationException', mistyped);
    failures.push(`${subject(issue)} failed to satisfy constraint: ${constraint(issue)}`);
  }
  const count = failures.length === 1 ? '1 validation error' : `${failures.length} validation errors`;
  throw new KmsException('ValidationException', `${count} detected: ${failures.join('; ')}`);
}

type Issue = z.core.$ZodIssue;

/** `Value 'x' at 'customKeyStoreName'`; without the value where it is sensitive, as AWS does. */
function subject(issue: Issue): string {
  const path = issue.path.map((name) => lowerCamel(String(name))).join('.');
  if (issue.input === undefined) return `Value null at '${path}'`;
  if (issue.path.some((name) => SENSITIVE_MEMBERS.has(String(name)))) return `Value at '${path}'`;
  return `Value '${String(issue.input)}' at '${path}'`;
}

function constraint(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return 'Member must not be null';
    case 'too_small':
      return `Member must have ${measure(issue.origin)} greater than or equal to ${issue.minimum}`;
    case 'too_big':
      return `Member must have ${measure(issue.origin)} less than or equal to ${issue.maximum}`;
    case 'invalid_format':
      return `Member must satisfy regular expression pattern: ${issue.pattern}`;
    case 'invalid_value':
      return issue.input === undefined
        ? 'Member must not be null'
        : `Member must satisfy enum value set: [${issue.values.join(', ')}]`;
    case 'custom':
      return String(issue.params?.['constraint']);
    default:
      // The schemas of members.ts raise no other kind; a new kind of schema has to be worded here.
      throw new Error(`no wording for a constraint of kind ${issue.code}`);
  }
}

function measure(origin: string): string {
  return origin === 'string' ? 'length' : 'value';
}

/** What is wrong with the JSON type of a value that is there, or undefined. Never repeats the value. */
function typeMismatch(issue: Issue): string | undefined {
  const given: unknown = issue.input;
  if (given === undefined) return undefined;
  if (issue.code === 'invalid_value' && typeof given === 'string') return undefined;
  if (issue.code !== 'invalid_type' && issue.code !== 'invalid_value') return undefined;
  if (Array.isArray(given)) return 'Start of list found where not expected';
  if (typeof given === 'object') return 'Start of structure or map found where not expected';
  const expected = issue.code === 'invalid_type' ? (EXPECTED[issue.expected] ?? 'Structure') : 'String';
  const found = typeof given === 'boolean' ? (given ? 'TRUE' : 'FALSE') : (typeof given).toUpperCase();
  return `${found}_VALUE cannot be converted to ${expected}`;
}

const EXPECTED: Readonly<Record<string, string>> = { string: 'String', number: 'Integer', int: 'Integer' };

function lowerCamel(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
