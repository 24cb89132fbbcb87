import type { Tag, WorldRecord } from './types';

/**
 * Records of what a VPC store's connect touches: the customer's endpoint services, and the interface endpoints and
 * private hosted zones that are made for them. As everywhere, a moment is stored and not a state that time changes.
 */

/** `PrivateDnsNameState` of the EC2 API. */
export const PRIVATE_DNS_NAME_STATES = ['verified', 'pendingVerification', 'failed'] as const;
export type PrivateDnsNameState = (typeof PRIVATE_DNS_NAME_STATES)[number];

/** What stands behind an endpoint service; KMS wants `network`. */
export const LOAD_BALANCER_TYPES = ['network', 'gateway'] as const;
export type LoadBalancerType = (typeof LOAD_BALANCER_TYPES)[number];

/** A VPC endpoint service, the customer's. `id` is `vpce-svc-…`. */
export interface EndpointService extends WorldRecord {
  region: string;
  /** `com.amazonaws.vpce.<region>.<id>` */
  name: string;
  /** in lower case; none when the service has no private DNS name */
  privateDnsName?: string;
  privateDnsNameState: PrivateDnsNameState;
  acceptanceRequired: boolean;
  /** whether `cks.kms.<region>.amazonaws.com`, and with it every other account, is an allowed principal */
  kmsAllowed: boolean;
  /** in so many zones, from the Region's first on, its load balancer has a subnet */
  availabilityZones: number;
  loadBalancerType: LoadBalancerType;
}

/** One network interface of an endpoint: it has an address in its subnet and goes with the endpoint. */
export interface EndpointInterface {
  id: string;
  subnetId: string;
  address: string;
}

/** An interface endpoint, made by a call of the EC2 API. `id` is `vpce-…`. */
export interface VpcEndpoint extends WorldRecord {
  serviceId: string;
  serviceName: string;
  vpcId: string;
  interfaces: EndpointInterface[];
  groupIds: string[];
  privateDnsEnabled: boolean;
  /** under which it is reached: the Region's name first, then one a zone */
  dnsNames: string[];
  tags: Tag[];
  createdAt: number;
  /** `pending` before, `available` from then on; absent while the service's owner has yet to accept */
  availableAt?: number;
  /** the service is gone */
  rejected?: true;
  /** `deleting` before, gone from then on */
  goneAt?: number;
  clientToken?: string;
}

/** What a `ClientToken` of CreateVpcEndpoint stands for: kept when the endpoint is deleted. */
export interface EndpointToken extends WorldRecord {
  /** the parameters of the first request, canonical */
  request: string;
  result: VpcEndpoint;
}

/** A record set of a hosted zone. It has values and a time to live, or it is an alias. */
export interface RecordSet {
  /** in lower case, with the dot at the end */
  name: string;
  type: string;
  ttl?: number;
  values?: string[];
  alias?: { hostedZoneId: string; dnsName: string; evaluateTargetHealth: boolean };
  /** its change is PENDING before, INSYNC from then on: before, nothing resolves by it */
  inSyncAt: number;
}

/** A private hosted zone of Route 53, made by a call of its API. `id` is `Z…`. */
export interface HostedZone extends WorldRecord {
  /** in lower case, with the dot at the end */
  name: string;
  callerReference: string;
  comment?: string;
  vpcs: { id: string; region: string }[];
  /** of the zone itself (NS and SOA) and of its owner */
  records: RecordSet[];
  tags: Tag[];
}

/** A change that a Route 53 request began. `id` is `C…`. */
export interface DnsChange extends WorldRecord {
  comment?: string;
  submittedAt: number;
  /** PENDING before, INSYNC from then on */
  inSyncAt: number;
  /** the zone and the names that it changed: what the request for its state is about */
  zoneId: string;
  names: string[];
}
