import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { DnsChange, EndpointService, EndpointToken, HostedZone, VpcEndpoint } from './endpoint-types';
import type { Change } from './journal';
import { Journal } from './journal';
import { Table } from './table';
import type {
  CertificateFamily,
  ClientToken,
  Cluster,
  Counter,
  Fault,
  Hsm,
  HsmIdentity,
  NetworkInterface,
  SecurityGroup,
  Subnet,
  Vpc,
  WorldRecord,
} from './types';
import type { Authority, XksProxy } from './xks-types';

/** So many `ClientToken`s of a kind, and DNS changes, are remembered; the oldest are forgotten first. */
const MOST_REMEMBERED = 20_000;

/**
 * The simulated world: tables in memory, and a journal on disk. Work on it is synchronous, so one request never sees
 * half of another; `commit` makes it last.
 */
export class World {
  private readonly dirty = new Map<string, { table: string; id: string }>();
  private readonly changed = (table: string, id: string): void => {
    this.dirty.set(`${table} ${id}`, { table, id });
  };

  readonly vpcs = new Table<Vpc>('vpcs', this.changed, {});
  readonly subnets = new Table<Subnet, 'cluster'>('subnets', this.changed, {
    cluster: (subnet) => (subnet.clusterId === undefined ? [] : [subnet.clusterId]),
  });
  readonly securityGroups = new Table<SecurityGroup, 'vpcAndName' | 'peer'>('securityGroups', this.changed, {
    vpcAndName: (group) => [`${group.vpcId} ${group.name}`],
    peer: (group) => group.rules.flatMap((rule) => ('groupId' in rule.peer ? [rule.peer.groupId] : [])),
  });
  readonly networkInterfaces = new Table<NetworkInterface, 'subnet' | 'group'>(
    'networkInterfaces',
    this.changed,
    { subnet: (eni) => [eni.subnetId], group: (eni) => eni.groupIds },
  );
  readonly clientTokens = new Table<ClientToken>('clientTokens', this.changed, {});
  readonly certificateFamilies = new Table<CertificateFamily>('certificateFamilies', this.changed, {});
  readonly hsmIdentities = new Table<HsmIdentity>('hsmIdentities', this.changed, {});
  readonly clusters = new Table<Cluster, 'vpc' | 'securityGroup'>('clusters', this.changed, {
    vpc: (cluster) => [cluster.vpcId],
    securityGroup: (cluster) => [cluster.securityGroupId],
  });
  readonly hsms = new Table<Hsm, 'cluster' | 'subnet' | 'address'>('hsms', this.changed, {
    cluster: (hsm) => [hsm.clusterId],
    subnet: (hsm) => [hsm.subnetId],
    address: (hsm) => [hsm.eniIp],
  });
  readonly endpointServices = new Table<EndpointService, 'name' | 'privateDnsName'>(
    'endpointServices',
    this.changed,
    {
      name: (service) => [service.name],
      privateDnsName: (service) => (service.privateDnsName === undefined ? [] : [service.privateDnsName]),
    },
  );
  readonly vpcEndpoints = new Table<VpcEndpoint, 'service' | 'subnet' | 'group' | 'dnsName'>(
    'vpcEndpoints',
    this.changed,
    {
      service: (endpoint) => [endpoint.serviceId],
      subnet: (endpoint) => endpoint.interfaces.map((one) => one.subnetId),
      group: (endpoint) => endpoint.groupIds,
      dnsName: (endpoint) => endpoint.dnsNames,
    },
  );
  readonly endpointTokens = new Table<EndpointToken>('endpointTokens', this.changed, {});
  readonly hostedZones = new Table<HostedZone, 'callerReference' | 'vpc'>('hostedZones', this.changed, {
    callerReference: (zone) => [`${zone.accountId} ${zone.callerReference}`],
    vpc: (zone) => zone.vpcs.map((vpc) => vpc.id),
  });
  readonly dnsChanges = new Table<DnsChange>('dnsChanges', this.changed, {});
  readonly xksProxies = new Table<XksProxy, 'host'>('xksProxies', this.changed, {
    host: (proxy) => [proxy.host.toLowerCase()],
  });
  readonly authorities = new Table<Authority>('authorities', this.changed, {});
  readonly faults = new Table<Fault>('faults', this.changed, {});
  readonly counters = new Table<Counter>('counters', this.changed, {});

  private readonly tables: Table<WorldRecord, string>[] = [
    this.vpcs,
    this.subnets,
    this.securityGroups,
    this.networkInterfaces,
    this.clientTokens,
    this.certificateFamilies,
    this.hsmIdentities,
    this.clusters,
    this.hsms,
    this.endpointServices,
    this.vpcEndpoints,
    this.endpointTokens,
    this.hostedZones,
    this.dnsChanges,
    this.xksProxies,
    this.authorities,
    this.faults,
    this.counters,
  ] as unknown as Table<WorldRecord, string>[];

  private constructor(private readonly journal: Journal) {}

  /**
   * Opens the world that a folder holds, or an empty one. The folder is made with mode 0700: passwords and private
   * keys lie in it in the clear. Throws one readable line when it cannot be read or written.
   */
  static open(stateDir: string): World {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const journal = new Journal(path.join(stateDir, 'world.jsonl'));
    const world = new World(journal);
    const byName = new Map(world.tables.map((table) => [table.name, table]));
    journal.read(([name, id, record]) => {
      if (record === null) byName.get(name)?.unload(id);
      else byName.get(name)?.load(record as WorldRecord);
    });
    journal.rewrite(world.everything());
    return world;
  }

  /** Counts up from 0. */
  nextNumber(counter: string): number {
    const next = this.counters.get(counter)?.next ?? 0;
    this.counters.put({ id: counter, accountId: '', next: next + 1 });
    return next;
  }

  /** Writes what has changed since the last time; to be called before an answer leaves. Throws when it cannot. */
  commit(): void {
    if (this.dirty.size === 0) return;
    for (const table of [this.clientTokens, this.endpointTokens, this.dnsChanges]) forgetOldest(table);
    const byName = new Map(this.tables.map((table) => [table.name, table]));
    const changes = [...this.dirty.values()].map(({ table, id }): Change => [
      table,
      id,
      byName.get(table)?.get(id) ?? null,
    ]);
    this.journal.append(changes);
    this.dirty.clear();
    if (this.journal.wantsRewrite) this.journal.rewrite(this.everything());
  }

  /** Forgets everything but the certificate authority: processes that run have been told to trust it. */
  reset(): void {
    const kept: unknown = this.authorities;
    for (const table of this.tables) if (table !== kept) table.clear();
    this.dirty.clear();
    this.journal.rewrite(this.everything());
  }

  close(): void {
    this.journal.close();
  }

  private *everything(): Iterable<Change> {
    for (const table of this.tables) {
      for (const record of table.all()) yield [table.name, record.id, record];
    }
  }
}

function forgetOldest(table: Pick<Table<WorldRecord>, 'size' | 'all' | 'delete'>): void {
  if (table.size <= MOST_REMEMBERED) return;
  for (const record of table.all().slice(0, table.size - MOST_REMEMBERED + 1_000)) table.delete(record.id);
}
