import type { Route } from './route';
import { interfaceStatus } from '../ec2/views';

/**
 * `GET /_control/inventory`: what was made by calls of the API and is still there. What came with an account or a
 * cluster is the customer's and left out.
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
      vpcEndpoints: [],
      hostedZones: [],
    };
  },
};

export const inventoryRoutes: Route[] = [read];
