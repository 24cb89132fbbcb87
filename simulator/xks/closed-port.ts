import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

/**
 * A port that refuses connections and that nobody else is given: it is the near end of a connection that this process
 * holds to itself, so it is taken, and nothing listens on it. The end is bound before it connects: Linux lets other
 * connections begin at a port that was only chosen by connecting, and one that goes to its own port meets itself.
 */
export class ClosedPort {
  private constructor(
    readonly port: number,
    private readonly ends: Socket[],
  ) {}

  /** Takes that port where it is free, else another; any for 0. */
  static async open(host: string, port: number): Promise<ClosedPort> {
    try {
      return await ClosedPort.take(host, port);
    } catch (error) {
      if (port === 0) throw error;
      return ClosedPort.take(host, 0);
    }
  }

  /** Gives the port back. */
  close(): Promise<void> {
    // by resets, in which no end lingers: the port can be listened on at once
    for (const end of this.ends) end.resetAndDestroy();
    return Promise.resolve();
  }

  private static async take(host: string, port: number): Promise<ClosedPort> {
    const server = createServer();
    server.listen(0, host);
    await once(server, 'listening');
    const near = connect({
      host,
      port: (server.address() as AddressInfo).port,
      localAddress: host,
      localPort: port,
    });
    try {
      const accepted = once(server, 'connection') as Promise<[Socket]>;
      await once(near, 'connect');
      const [far] = await accepted;
      for (const end of [near, far]) end.on('error', () => end.destroy()).unref();
      return new ClosedPort(near.localPort ?? 0, [near, far]);
    } finally {
      server.close();
    }
  }
}
