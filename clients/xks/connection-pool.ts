import { Agent } from 'node:https';
import type { RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Connections } from './connections';

/**
 * Below the five seconds after which a plain Node.js server drops an idle connection, so that a request rarely meets
 * one that is just being closed.
 */
const IDLE_CONNECTION_MS = 4_000;

/**
 * Keeps proxies' connections for the calls that are no probes. Where none is free, the request itself says how to open
 * one, so that every new connection passes the checks of names, addresses and certificates. Idle ones do not hold
 * the process.
 */
export class ConnectionPool extends Agent {
  constructor() {
    super({ keepAlive: true, timeout: IDLE_CONNECTION_MS });
  }

  override createConnection(
    options: RequestOptions,
    done?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    openFor(connectionsOf(options), done);
  }

  override getName(options?: RequestOptions): string {
    return connectionsOf(options).poolKey;
  }
}

/** Opens a connection and tells Node.js in the way it wants to be told. */
export function openFor(
  connections: Connections,
  done: ((error: Error | null, socket: Duplex) => void) | undefined,
): void {
  connections.open().then(
    (socket) => done?.(null, socket),
    // Node.js looks at no socket where there is an error.
    (error: unknown) => done?.(error as Error, undefined as unknown as Duplex),
  );
}

/** Only `exchange` makes requests with this agent, and says with each how to connect. */
function connectionsOf(options: RequestOptions | undefined): Connections {
  return (options as { keymoor: Connections }).keymoor;
}
