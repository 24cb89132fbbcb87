import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';

/**
 * - `pass`: as if it were not there
 * - `cut`: connections break, new ones are dropped at once: the server is away
 * - `hang`: connections stay, and nothing comes through: the server is frozen
 */
export type ProxyMode = 'pass' | 'cut' | 'hang';

/** A TCP proxy in front of a server, which a test can make fail. */
export interface TcpProxy {
  host: string;
  port: number;
  set(mode: ProxyMode): void;
  close(): Promise<void>;
}

/** Starts a proxy; without a target nothing can pass, and `hang` is the mode to begin with. */
export async function startTcpProxy(target?: { host: string; port: number }): Promise<TcpProxy> {
  let mode: ProxyMode = target ? 'pass' : 'hang';
  const pairs = new Map<Socket, Socket | undefined>();
  const server = createServer((near) => {
    near.on('error', () => near.destroy());
    if (mode === 'cut') {
      near.destroy();
      return;
    }
    const far = target && connect(target.port, target.host);
    pairs.set(near, far);
    if (far) {
      far.on('error', () => near.destroy());
      near.pipe(far).pipe(near);
      far.on('close', () => near.destroy());
    }
    near.on('close', () => {
      far?.destroy();
      pairs.delete(near);
    });
    if (mode === 'hang') freeze(near, far);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    host: '127.0.0.1',
    port,
    set(next) {
      mode = next;
      for (const [near, far] of pairs) {
        if (mode === 'cut') near.destroy();
        else if (mode === 'hang') freeze(near, far);
        else thaw(near, far);
      }
    },
    async close() {
      for (const near of pairs.keys()) near.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function freeze(near: Socket, far: Socket | undefined): void {
  if (far) {
    near.unpipe(far);
    far.unpipe(near);
  }
  near.pause();
  far?.pause();
}

function thaw(near: Socket, far: Socket | undefined): void {
  if (far) near.pipe(far).pipe(near);
}
