import { createHash, randomBytes } from 'node:crypto';

/** The hosted zone of AWS's own in which all endpoints of a Region have their names: the target zone of an alias. */
export function vpceHostedZoneId(region: string): string {
  const digest = createHash('sha256').update(`vpce ${region}`).digest('hex').toUpperCase();
  return `Z${digest.slice(0, 13)}`;
}

/** The names of a new endpoint: the Region's, then one for each zone that it has an interface in. */
export function endpointDnsNames(
  endpointId: string,
  serviceId: string,
  region: string,
  zones: readonly string[],
): string[] {
  const first = `${endpointId}-${randomBytes(4).toString('hex')}`;
  const domain = `${serviceId}.${region}.vpce.amazonaws.com`;
  return [`${first}.${domain}`, ...zones.map((zone) => `${first}-${zone}.${domain}`)];
}
