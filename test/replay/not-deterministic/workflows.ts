import { readFileSync } from 'fs';

/** What no workflow may do: the bundler must say so (`bundle.test.ts`). */
export function peek(): Promise<string> {
  return Promise.resolve(readFileSync('/dev/null', 'utf8'));
}
