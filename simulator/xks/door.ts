import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { ClosedPort } from './closed-port';
import { FullPort } from './full-port';

/** Proxies are for this machine alone. */
export const DOOR_ADDRESS = '127.0.0.1';

/** `open` takes connections in; `closed` has them refused; `full` leaves them waiting for TCP to come about. */
export type DoorState = 'open' | 'closed' | 'full';

/** What stands behind the port at present. */
interface Holder {
  state: DoorState;
  port: number;
  close(): Promise<void>;
}

/**
 * The TCP port of a host. It keeps its number from its first use on as far as the system lets it, so that who has
 * looked it up before meets what the host does now.
 */
export class Door {
  private readonly sockets = new Set<Socket>();
  private holder: Holder | undefined;
  private port = 0;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly admit: (socket: Socket) => void) {}

  /** Sees to it that the port is in a state; tells its number. */
  be(state: DoorState): Promise<number> {
    return this.inTurn(async () => {
      if (this.holder?.state === state) return this.holder.port;
      await this.shut();
      this.holder = state === 'open' ? await this.listen() : await this.occupy(state);
      this.port = this.holder.port;
      return this.port;
    });
  }

  /** Ends every connection. */
  drop(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  close(): Promise<void> {
    return this.inTurn(() => this.shut());
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(work);
    this.turn = done.catch(() => undefined);
    return done;
  }

  private async shut(): Promise<void> {
    const { holder } = this;
    this.holder = undefined;
    const closed = holder?.close();
    this.drop();
    await closed;
  }

  private async listen(): Promise<Holder> {
    const server = createServer({ noDelay: true }, (socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      this.admit(socket);
    });
    await listenOn(server, this.port).catch(() => listenOn(server, 0));
    return {
      state: 'open',
      port: (server.address() as AddressInfo).port,
      close: () => new Promise((resolve) => server.close(() => resolve())),
    };
  }

  private async occupy(state: 'closed' | 'full'): Promise<Holder> {
    const taken = await (state === 'closed' ? ClosedPort : FullPort).open(DOOR_ADDRESS, this.port);
    return { state, port: taken.port, close: () => taken.close() };
  }
}

function listenOn(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, DOOR_ADDRESS, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
