import { z } from 'zod';
import { CASES } from './cases';

const LIST = z.array(z.string());

/** A baseline that cannot be used; the message is one line. */
export class BaselineError extends Error {
  override readonly name = 'BaselineError';
}

/**
 * Reads the ids of known failures: one a line, with `#` for comments, or a JSON array of texts.
 *
 * @throws BaselineError where an id is no check's: a baseline with a slip of the pen would let a failure pass for known
 */
export function parseBaseline(text: string): ReadonlySet<string> {
  const ids = text.trimStart().startsWith('[') ? fromJson(text) : fromLines(text);
  const unknown = ids.filter((id) => !CASES.some((one) => one.id === id));
  if (unknown.length > 0) {
    throw new BaselineError(`no check has the id ${unknown.map((id) => JSON.stringify(id)).join(', ')}`);
  }
  return new Set(ids);
}

function fromJson(text: string): string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new BaselineError('it begins like a JSON array and is none');
  }
  const list = LIST.safeParse(value);
  if (!list.success) throw new BaselineError('it is a JSON array with something else than texts');
  return list.data;
}

function fromLines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
}
