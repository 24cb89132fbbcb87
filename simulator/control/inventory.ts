import type { Route } from './route';
import { interfaceStatus } from '../ec2/views';
import { endpointsOf, endpointState } from '../world/endpoint-services';
import type { RecordSet } from '../world/endpoint-types';
import { isZonesOwn } from '../world/hosted-zones';

/**
 * `GET /_control/inventory`: what was made by calls of the API and is still there. What came with an account or a
 * cluster is the customer's and left out, and so are the NS and SOA records that come with a hosted zone.
 */
const read: Route = {
  method: 'GET',
  path: /^\/_control\/inventory$/,
  run({ world }) {
    return {
      securityGroups: world.securityGroups
        .all()
        .filter((group) => group.maker === 'connector')
        .map((group) => ({
          GroupId: group.id,
          GroupName: group.name,
          VpcId: group.vpcId,
          accountId: group.accountId,
          Tags: group.tags,
        })),
      networkInterfaces: world.networkInterfaces.all().map((eni) => ({
        NetworkInterfaceId: eni.id,
        SubnetId: eni.subnetId,
        AvailabilityZone: eni.availabilityZone,
        Groups: eni.groupIds,
        Description: eni.description,
        Status: interfaceStatus(eni),
        accountId: eni.accountId,
        Tags: eni.tags,
      })),
      vpcEndpoints: endpointsOf(world).map((endpoint) => ({
        VpcEndpointId: endpoint.id,
        ServiceName: endpoint.serviceName,
        State: endpointState(endpoint),
        accountId: endpoint.accountId,
        Tags: endpoint.tags,
      })),
      hostedZones: world.hostedZones.all().map((zone) => ({
        Id: `/hostedzone/${zone.id}`,
        Name: zone.name,
        Records: zone.records.filter((record) => !isZonesOwn(zone, record)).flatMap(recordItems),
        accountId: zone.accountId,
        Tags: zone.tags,
      })),
    };
  },
};

/** One item for each value; that of an alias is the name it leads to. */
function recordItems(record: RecordSet): { Name: string; Type: string; Value: string }[] {
  const values = record.alias === undefined ? (record.values ?? []) : [record.alias.dnsName];
  return values.map((Value) => ({ Name: record.name, Type: record.type, Value }));
}

export const inventoryRoutes: Route[] = [read];
