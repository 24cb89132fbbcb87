/** What an error says, whatever was thrown. */
export function errorMessage(error: unknown): string {
  const message = fact(error, 'message');
  return typeof message === 'string' ? message : String(error);
}

/** The code of a system error (`ENOENT`), or undefined. */
export function errorCode(error: unknown): string | undefined {
  const code = fact(error, 'code');
  return typeof code === 'string' ? code : undefined;
}

/** The path that a file system error speaks of, or undefined. */
export function errorPath(error: unknown): string | undefined {
  const path = fact(error, 'path');
  return typeof path === 'string' ? path : undefined;
}

function fact(error: unknown, name: string): unknown {
  return typeof error === 'object' && error !== null ? (error as Record<string, unknown>)[name] : undefined;
}
