import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';

/** An answer of the simulator's `/_network/`. */
export interface SimulatorAnswer {
  status: number;
  body: string;
}

/**
 * GETs from the simulator's `/_network/`, on a connection of its own: one that was kept would break with the
 * simulator's restart.
 *
 * @param path `/_network/…`, with its query
 * @throws Error of the connection, or the signal's `AbortError`
 */
export function askSimulator(
  simulatorUrl: string,
  path: string,
  signal: AbortSignal,
): Promise<SimulatorAnswer> {
  return new Promise((resolve, reject) => {
    const request = get(
      new URL(path, simulatorUrl),
      { agent: false, signal },
      (response: IncomingMessage) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (body += chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    request.on('error', reject);
  });
}
