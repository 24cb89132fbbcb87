import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the range from which systems take the ports of outgoing connections (Linux from 32768, macOS from 49152):
 * there, while a server restarts, a client that tries again and again can be given the server's own port, connects to itself
 * and keeps the port for good.
 */
const LOWEST = 20_000;
const HIGHEST = 32_000;
const TRIES = 100;

/**
 * Finds ports that are free on `host`, all different, and none of `except`.
 * @throws where there seem to be none
 */
export async function findFreePorts(
  host: string,
  count: number,
  except: readonly number[] = [],
): Promise<number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries += 1) {
    if (tries > TRIES * count) throw new Error(`no free port was found on ${host}`);
    const port = randomInt(LOWEST, HIGHEST);
    if (found.has(port) || except.includes(port)) continue;
    if ((await portProblem(host, port)) === undefined) found.add(port);
  }
  return [...found];
}

/** Why a port cannot be listened on (`EADDRINUSE`, `EACCES`, …), or undefined where it can. */
export async function portProblem(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
    server.listen({ host, port, exclusive: true }, () => {
      server.close(() => {
        resolve(undefined);
      });
    });
  });
}
