import { errorCode, errorMessage } from './error-facts';

/** What to tell a person about a failure, in one line where its message is one. */
export function oneLine(error: unknown): string {
  const code = errorCode(error);
  const message = errorMessage(error);
  if (code === 'EADDRINUSE') {
    const { address, port } = error as { address?: unknown; port?: unknown };
    return `port ${String(port)} on ${String(address)} is in use by another program`;
  }
  if (code === 'ENOSPC') return `the disk is full (${message})`;
  // A failed connection to several addresses of one name says nothing by itself.
  if (message === '' && error instanceof AggregateError) return error.errors.map(oneLine).join('; ');
  return message === '' ? String(error) : message;
}
