import { liesIn } from './dns-names';
import { endpointState } from './endpoint-services';
import type { HostedZone, RecordSet, VpcEndpoint } from './endpoint-types';
import type { World } from './world';

/**
 * Whether a name of a VPC proxy leads anywhere: only while there is an available interface endpoint to the service
 * that has it as its private DNS name, and a private hosted zone of the endpoint's VPC has a record in force for it
 * (an alias of type A, or a CNAME) that names the endpoint.
 */
export function privateNameResolves(world: World, host: string): boolean {
  const name = host.toLowerCase();
  return world.endpointServices
    .find('privateDnsName', name)
    .flatMap((service) => world.vpcEndpoints.find('service', service.id))
    .some((endpoint) => endpointState(endpoint) === 'available' && leadsTo(world, `${name}.`, endpoint));
}

/** Whether the endpoint's VPC answers a question for the name with the endpoint. */
function leadsTo(world: World, name: string, endpoint: VpcEndpoint): boolean {
  const now = Date.now();
  return (zoneOf(world, name, endpoint.vpcId)?.records ?? []).some(
    (record) =>
      record.name === name &&
      record.inSyncAt <= now &&
      targets(record).some((target) => endpoint.dnsNames.includes(target)),
  );
}

/** The zone that answers for a name in a VPC: of those that fit, the most specific one alone is asked. */
function zoneOf(world: World, name: string, vpcId: string): HostedZone | undefined {
  return world.hostedZones
    .find('vpc', vpcId)
    .filter((zone) => liesIn(name, zone.name))
    .sort((one, other) => other.name.length - one.name.length)[0];
}

/** The names to which a record leads, without the dot at the end. */
function targets(record: RecordSet): string[] {
  const names =
    record.type === 'A' && record.alias !== undefined
      ? [record.alias.dnsName]
      : record.type === 'CNAME'
        ? (record.values ?? [])
        : [];
  return names.map((name) => name.toLowerCase().replace(/\.$/, ''));
}
