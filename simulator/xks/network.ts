import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ConnectionBehaviour } from './behaviours';
import { isConnectionBehaviour } from './behaviours';
import type { DoorState } from './door';
import { Door, DOOR_ADDRESS } from './door';
import { XksService } from './service';
import { TlsContexts } from './tls-contexts';
import type { Pipeline } from '../pipeline';
import type { Environment } from '../world/environment';
import { privateNameResolves } from '../world/private-names';
import { simulatorAuthority } from '../world/proxy-certificates';
import { proxiesOfHost } from '../world/xks-proxies';

/** Longer than any client keeps an idle connection, so that a request never meets a closing one. */
const KEEP_ALIVE_MS = 10 * 60_000;

/** Behaviours that let no connection come about. */
const DOORS: Record<string, DoorState> = { refuse: 'closed', 'accept-nothing': 'full' };

/** Where a connection came in, and the TCP connection below its TLS. */
interface Origin {
  host: string;
  raw: Socket;
}

/**
 * The network in front of the proxies. Each host has a TLS port of its own, opened when its name is first asked for;
 * the proxies of a host share it, and its certificate.
 */
export class XksNetwork {
  private readonly doors = new Map<string, Door>();
  private readonly origins = new WeakMap<Socket, Origin>();
  private readonly contexts: TlsContexts;
  private readonly http: Server;

  constructor(
    private readonly environment: Environment,
    pipeline: Pipeline,
  ) {
    this.contexts = new TlsContexts(environment.world);
    const service = new XksService(environment, pipeline);
    this.http = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
      const origin = this.origins.get(request.socket);
      if (origin === undefined) return;
      const hangUp = (how: 'close' | 'reset'): void => {
        if (how === 'reset') origin.raw.resetAndDestroy();
        request.socket.destroy();
      };
      service.answer(origin.host, request, response, hangUp).catch((error: unknown) => {
        // the caller hung up in the middle of its request
        environment.logger.debug({ err: error }, 'a request to a proxy was given up');
        response.destroy();
      });
    });
  }

  /** Where a proxy's name leads on this machine, or undefined while it leads nowhere. */
  async way(name: string): Promise<{ host: string; port: number } | undefined> {
    const { world } = this.environment;
    const host = name.toLowerCase();
    const proxies = proxiesOfHost(world, host);
    if (proxies.length === 0) return undefined;
    const isPublic = proxies.some((proxy) => proxy.connectivity === 'PUBLIC_ENDPOINT');
    if (!isPublic && !privateNameResolves(world, host)) return undefined;
    let door = this.doors.get(host);
    if (door === undefined) {
      door = new Door((socket) => this.admit(host, socket));
      this.doors.set(host, door);
    }
    return { host: DOOR_ADDRESS, port: await door.be(this.doorState(host)) };
  }

  /** PEM of the authority that signs the proxies' certificates. */
  async authority(): Promise<string> {
    return (await simulatorAuthority(this.environment.world)).certificate;
  }

  /** Drops a host's connections and lets it be what its proxies are now, or gone. */
  async refresh(name: string): Promise<void> {
    const host = name.toLowerCase();
    const door = this.doors.get(host);
    if (door === undefined) return;
    door.drop();
    if (proxiesOfHost(this.environment.world, host).length > 0) {
      await door.be(this.doorState(host));
      return;
    }
    this.doors.delete(host);
    this.contexts.forget(host);
    await door.close();
  }

  /** The same for every host. */
  async refreshAll(): Promise<void> {
    await Promise.all([...this.doors.keys()].map((host) => this.refresh(host)));
  }

  async close(): Promise<void> {
    await Promise.all([...this.doors.values()].map((door) => door.close()));
    this.doors.clear();
  }

  private admit(host: string, raw: Socket): void {
    const behaviour = this.connectionBehaviour(host);
    if (behaviour === 'hang-before-tls') {
      // read on and say nothing, so that the other side's end is noticed
      raw.resume();
      return;
    }
    const peculiarity = behaviour === 'refuse' || behaviour === 'accept-nothing' ? undefined : behaviour;
    this.contexts.of(host, peculiarity).then(
      (secureContext) => {
        const socket = new TLSSocket(raw, { isServer: true, secureContext, ALPNProtocols: ['http/1.1'] });
        this.origins.set(socket, { host, raw });
        socket.on('error', () => socket.destroy());
        socket.once('secure', () => this.http.emit('connection', socket));
      },
      (error: unknown) => {
        this.environment.logger.error({ err: error, host }, 'a proxy has no certificate');
        raw.destroy();
      },
    );
  }

  private doorState(host: string): DoorState {
    return DOORS[this.connectionBehaviour(host) ?? ''] ?? 'open';
  }

  /** The newest behaviour below HTTP of those that a host's proxies have. */
  private connectionBehaviour(host: string): ConnectionBehaviour | undefined {
    const newest = proxiesOfHost(this.environment.world, host)
      .filter((proxy) => isConnectionBehaviour(proxy.behaviour))
      .sort((one, other) => other.behaviourNumber - one.behaviourNumber)[0]?.behaviour;
    return newest !== undefined && isConnectionBehaviour(newest) ? newest : undefined;
  }
}
