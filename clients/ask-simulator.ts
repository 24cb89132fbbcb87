import { get } from 'node:http';
import type { Agent, IncomingMessage } from 'node:http';

/** An answer of the simulator's `/_network/`. */
export interface SimulatorAnswer {
  status: number;
  body: string;
}

/**
 * GETs from the simulator's `/_network/`: where an address or a name leads on this machine, and whom to trust.
 *
 * @param path `/_network/…`, with its query
 * @param agent keeps connections; without it each question has one of its own, as one that was kept would break with
 * the simulator's restart
 * @throws Error of the connection, or the signal's `AbortError`
 */
export function askSimulator(
  simulatorUrl: string,
  path: string,
  signal: AbortSignal,
  agent: Agent | false = false,
): Promise<SimulatorAnswer> {
  return new Promise((resolve, reject) => {
    const request = get(new URL(path, simulatorUrl), { agent, signal }, (response: IncomingMessage) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.on('error', reject);
  });
}
