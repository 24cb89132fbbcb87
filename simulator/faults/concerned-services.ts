import { canonicalName } from '../world/dns-names';
import type { EndpointService } from '../world/endpoint-types';
import type { World } from '../world/world';

const IDS = /\b(?:vpce-svc-[0-9a-z]{17}|vpce-[0-9a-f]{17}|[ZC][A-Z0-9]{20})\b/g;

/**
 * Ids and names of the endpoint services, and ids of the proxies behind them, that some texts have to do with: they
 * name a service, an endpoint to it or a DNS name of one, its private DNS name, a hosted zone with that name or a
 * record of it, a change of such a record, or a proxy.
 */
export function concernedServices(world: World, texts: readonly string[]): Set<string> {
  const services = new Set(texts.flatMap((text) => servicesNamed(world, text)));
  const concerned = new Set<string>();
  for (const id of services) {
    concerned.add(id);
    const name = world.endpointServices.get(id)?.name;
    if (name !== undefined) concerned.add(name);
    for (const proxy of world.xksProxies.all()) if (proxy.endpointServiceId === id) concerned.add(proxy.id);
  }
  return concerned;
}

/** Ids of services: those that were deleted among them. */
function servicesNamed(world: World, text: string): string[] {
  const name = canonicalName(text);
  return [
    ...(name === undefined ? [] : servicesAt(world, name)),
    ...(text.match(IDS) ?? []).flatMap((id) => servicesOf(world, id)),
    ...[world.xksProxies.get(text)?.endpointServiceId].filter((id) => id !== undefined),
  ];
}

function servicesOf(world: World, id: string): string[] {
  if (id.startsWith('vpce-svc-')) return [id];
  const endpoint = world.vpcEndpoints.get(id);
  if (endpoint !== undefined) return [endpoint.serviceId];
  const zone = world.hostedZones.get(id);
  const names = zone === undefined ? [] : [zone.name, ...zone.records.map((record) => record.name)];
  return [...names, ...(world.dnsChanges.get(id)?.names ?? [])].flatMap((name) => servicesAt(world, name));
}

/** Services with this private DNS name, which has the dot at its end. */
function servicesAt(world: World, name: string): string[] {
  const services: EndpointService[] = world.endpointServices.find('privateDnsName', name.replace(/\.$/, ''));
  return services.map((service) => service.id);
}
