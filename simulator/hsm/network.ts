import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { SecureContext } from 'node:tls';
import { createSecureContext, TLSSocket } from 'node:tls';
import { HsmConnection } from './connection';
import { reach } from './reachability';
import type { Pipeline } from '../pipeline';
import type { TlsIdentity } from '../world/certificates';
import { makeHsmIdentity } from '../world/certificates';
import type { Environment } from '../world/environment';

/** A listener that nobody has used for so long is closed; the next look-up opens another. */
const IDLE_MS = 60_000;
/** So many clusters' keys are kept ready for further HSMs. */
const CONTEXTS = 32;
const HSM_HOST = '127.0.0.1';

interface Listener {
  hsmId: string;
  server: Server;
  port: number;
  sockets: Set<Socket>;
  usedAt: number;
}

/**
 * The network between connectors and HSMs. Each HSM has a TLS listener of its own, opened when its way is first asked
 * for, so that hundreds of clusters cost nothing.
 */
export class HsmNetwork {
  private readonly listeners = new Map<string, Promise<Listener>>();
  private readonly contexts = new Map<string, Promise<SecureContext>>();
  private readonly sweeper: NodeJS.Timeout;

  constructor(
    private readonly environment: Environment,
    private readonly pipeline: Pipeline,
  ) {
    this.sweeper = setInterval(() => void this.closeIdle(), IDLE_MS / 4).unref();
  }

  /** Where an address leads for a connector of a security group, or undefined where no packet gets through. */
  async route(address: string, securityGroupId: string): Promise<{ host: string; port: number } | undefined> {
    const { world } = this.environment;
    const hsm = world.hsms
      .find('address', address)
      .find((one) => reach(world, one.id, securityGroupId) !== undefined);
    if (hsm === undefined) return undefined;
    let opening = this.listeners.get(hsm.id);
    if (opening === undefined) {
      opening = this.open(hsm.id);
      this.listeners.set(hsm.id, opening);
      opening.catch(() => this.listeners.delete(hsm.id));
    }
    const listener = await opening;
    listener.usedAt = Date.now();
    return { host: HSM_HOST, port: listener.port };
  }

  /** Cuts the connections of every HSM that connectors cannot reach any more. */
  async cutUnreachable(): Promise<void> {
    const { world } = this.environment;
    for (const listener of await this.opened()) {
      const hsm = world.hsms.get(listener.hsmId);
      const up =
        hsm !== undefined &&
        world.subnets.get(hsm.subnetId) !== undefined &&
        world.clusters.get(hsm.clusterId)?.reachable === true;
      if (!up) await this.shut(listener);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.sweeper);
    for (const listener of await this.opened()) await this.shut(listener);
  }

  private async open(hsmId: string): Promise<Listener> {
    const clusterId = this.environment.world.hsms.get(hsmId)?.clusterId ?? '';
    const secureContext = await this.secureContext(clusterId);
    const sockets = new Set<Socket>();
    const server = createServer({ noDelay: true }, (raw) => {
      sockets.add(raw);
      raw.once('close', () => sockets.delete(raw));
      raw.on('error', () => raw.destroy());
      const socket = new TLSSocket(raw, { isServer: true, secureContext });
      new HsmConnection(this.environment, this.pipeline, hsmId, socket, raw);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, HSM_HOST, resolve);
    });
    const { port } = server.address() as AddressInfo;
    return { hsmId, server, port, sockets, usedAt: Date.now() };
  }

  /** Key and certificate of a cluster's HSMs, ready for use. */
  private secureContext(clusterId: string): Promise<SecureContext> {
    let making = this.contexts.get(clusterId);
    if (making === undefined) {
      making = this.identity(clusterId).then((identity) =>
        createSecureContext({ ...identity, minVersion: 'TLSv1.2' }),
      );
      const [oldest] = this.contexts.keys();
      if (this.contexts.size >= CONTEXTS && oldest !== undefined) this.contexts.delete(oldest);
      this.contexts.set(clusterId, making);
      making.catch(() => this.contexts.delete(clusterId));
    }
    return making;
  }

  /** Made when it is first needed for clusters that were initialised by the API. */
  private async identity(clusterId: string): Promise<TlsIdentity> {
    const { world } = this.environment;
    const known = world.hsmIdentities.get(clusterId);
    if (known !== undefined) return { key: known.key, cert: known.cert };
    const cluster = world.clusters.get(clusterId);
    const family = cluster && world.certificateFamilies.get(cluster.familyId);
    if (cluster === undefined || family?.clusterCertificate === undefined) {
      throw new Error(`Cluster ${clusterId} has no certificate.`);
    }
    const { clusterKey, clusterCertificate } = family;
    const identity = await makeHsmIdentity(clusterId, { clusterKey, clusterCertificate });
    world.hsmIdentities.put({ id: clusterId, accountId: cluster.accountId, ...identity });
    world.commit();
    return identity;
  }

  private async closeIdle(): Promise<void> {
    for (const listener of await this.opened()) {
      if (listener.sockets.size === 0 && listener.usedAt + IDLE_MS < Date.now()) await this.shut(listener);
    }
  }

  private async opened(): Promise<Listener[]> {
    const all = await Promise.allSettled(this.listeners.values());
    return all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  }

  private async shut(listener: Listener): Promise<void> {
    this.listeners.delete(listener.hsmId);
    for (const socket of listener.sockets) socket.destroy();
    await new Promise<void>((resolve) => listener.server.close(() => resolve()));
  }
}
