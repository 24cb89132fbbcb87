import type { Agent } from 'node:https';
import type { TLSSocket } from 'node:tls';

/** How a connection is come by. */
export interface Connections {
  /** opens one; throws ProxyCallFailed */
  open(): Promise<TLSSocket>;
  /** to take one from and to give it back to; without it the connection is closed after the answer */
  pool?: Agent;
  /** key of the pool's connections that are as good as a new one */
  poolKey: string;
}
