import { ec2Error } from './errors';
import type { Tag } from '../world/types';

/** A filter of a Describe action. */
export interface Filter {
  Name: string;
  Values: string[];
}

/** Filter names of a kind of resource, each with the values that a resource has for it. */
export type FilterNames<T> = Record<string, (resource: T) => readonly string[]>;

interface Request {
  Filters?: Filter[] | undefined;
  MaxResults?: number | undefined;
  NextToken?: string | undefined;
}

/**
 * What a Describe action answers with: the resources that fit every filter (`tag:<key>` and `tag-key` are understood
 * for all that have tags), a page of them. Throws `InvalidParameterValue` for a filter that there is not.
 */
export function select<T>(
  resources: readonly T[],
  names: FilterNames<T>,
  request: Request,
): { page: T[]; nextToken: string | undefined } {
  const tests = (request.Filters ?? []).map((filter) => {
    const values = valuesOf(names, filter.Name);
    const patterns = filter.Values.map(wildcard);
    return (resource: T) => values(resource).some((value) => patterns.some((fits) => fits(value)));
  });
  const found = resources.filter((resource) => tests.every((test) => test(resource)));
  const start = request.NextToken === undefined ? 0 : decode(request.NextToken);
  const end = start + (request.MaxResults ?? 1_000);
  return { page: found.slice(start, end), nextToken: end < found.length ? encode(end) : undefined };
}

function valuesOf<T>(names: FilterNames<T>, name: string): (resource: T) => readonly string[] {
  const tagsOf = (resource: T): readonly Tag[] => (resource as { tags?: Tag[] }).tags ?? [];
  if (name.startsWith('tag:')) {
    const key = name.slice('tag:'.length);
    return (resource) =>
      tagsOf(resource)
        .filter((tag) => tag.Key === key)
        .map((tag) => tag.Value);
  }
  if (name === 'tag-key') return (resource) => tagsOf(resource).map((tag) => tag.Key);
  const values = Object.hasOwn(names, name) ? names[name] : undefined;
  if (values === undefined) throw ec2Error('InvalidParameterValue', `The filter '${name}' is invalid`);
  return values;
}

/** `*` stands for any text and `?` for any one character, as in EC2's filters. */
function wildcard(pattern: string): (value: string) => boolean {
  if (!/[*?]/.test(pattern)) return (value) => value === pattern;
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const expression = new RegExp(`^${source}$`, 's');
  return (value) => expression.test(value);
}

function encode(offset: number): string {
  return Buffer.from(`offset ${offset}`).toString('base64url');
}

function decode(token: string): number {
  const offset = /^offset (\d+)$/.exec(Buffer.from(token, 'base64url').toString())?.[1];
  if (offset === undefined) throw ec2Error('InvalidParameterValue', 'Invalid value for NextToken');
  return Number(offset);
}
