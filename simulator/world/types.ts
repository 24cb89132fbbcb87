/**
 * Everything the simulated world remembers, as plain JSON records: what is written to disk is what is here.
 * All times are milliseconds since 1970. States that change with time alone (`pending` → `available`) are not stored:
 * a record holds the moment of the change, and readers compare it with the clock. A restart in between changes nothing.
 */

/** What every record has. */
export interface WorldRecord {
  id: string;
  /** 12 digits; what belongs to one account is invisible to every other */
  accountId: string;
}

/** A tag in AWS's own shape. */
export interface Tag {
  Key: string;
  Value: string;
}

/** Who made a resource: `connector` by a call of the EC2 API, `customer` together with an account or a cluster. */
export type Maker = 'connector' | 'customer';

/** Every account has one. */
export interface Vpc extends WorldRecord {
  cidrBlock: string;
}

export interface Subnet extends WorldRecord {
  vpcId: string;
  availabilityZone: string;
  /** a /24 of 10.0.0.0/8 that no other subnet of any account has, so that an address alone finds its HSM */
  cidrBlock: string;
  /** how many addresses there are to give in all; less than the block holds after a PATCH */
  capacity: number;
  /** the cluster it was made for; none for the subnets that every account begins with */
  clusterId?: string;
}

/** One rule of a security group: one protocol and port range, one peer. */
export interface SecurityGroupRule {
  id: string;
  egress: boolean;
  /** `tcp`, `udp`, `icmp`, a number, or `-1` for all */
  protocol: string;
  fromPort?: number;
  toPort?: number;
  peer: RulePeer;
  description?: string;
}

export type RulePeer =
  { groupId: string } | { cidrIp: string } | { cidrIpv6: string } | { prefixListId: string };

export interface SecurityGroup extends WorldRecord {
  vpcId: string;
  name: string;
  description: string;
  rules: SecurityGroupRule[];
  tags: Tag[];
  maker: Maker;
  /** the cluster that it came with */
  clusterId?: string;
}

export interface NetworkInterface extends WorldRecord {
  vpcId: string;
  subnetId: string;
  availabilityZone: string;
  address: string;
  macAddress: string;
  description: string;
  groupIds: string[];
  tags: Tag[];
  /** `pending` before, `available` from then on */
  availableAt: number;
  clientToken?: string;
  maker: Maker;
}

/** What a `ClientToken` stands for: kept when the interface is deleted, as AWS does. */
export interface ClientToken extends WorldRecord {
  /** the parameters of the first request, canonical */
  request: string;
  /** the first result */
  result: NetworkInterface;
}

/**
 * Certificates of a cluster, shared by clusters that are related ("same backup history").
 * The customer's private key is not kept: nothing needs it after the cluster certificate is signed.
 */
export interface CertificateFamily extends WorldRecord {
  /** PKCS#8 PEM */
  clusterKey: string;
  /** PEM, offered for signing while the cluster is not initialised */
  clusterCsr?: string;
  /** PEM; both from initialisation on */
  clusterCertificate?: string;
  trustAnchorCertificate?: string;
}

/** Key and certificate chain of a cluster's HSMs, PEM. `id` is the cluster's. */
export interface HsmIdentity extends WorldRecord {
  key: string;
  cert: string;
}

/** `ClusterState` of the CloudHSM v2 API. */
export const CLUSTER_STATES = [
  'CREATE_IN_PROGRESS',
  'UNINITIALIZED',
  'INITIALIZE_IN_PROGRESS',
  'INITIALIZED',
  'ACTIVE',
  'UPDATE_IN_PROGRESS',
  'MODIFY_IN_PROGRESS',
  'ROLLBACK_IN_PROGRESS',
  'DELETE_IN_PROGRESS',
  'DELETED',
  'DEGRADED',
] as const;
export type ClusterState = (typeof CLUSTER_STATES)[number];

/** The crypto user that KMS logs in as; one for the whole cluster, as its HSMs copy their users to each other. */
export interface KmsUser {
  password: string;
  /** wrong passwords in a row, over all HSMs */
  failedLogins: number;
  locked: boolean;
  /** changes by the user itself; an administrator's do not count */
  passwordChanges: number;
  /** good ones */
  logins: number;
  /** the one HSM that does not know the user */
  missingOnHsmId?: string;
}

/** A login of kmsuser, known to the whole cluster. */
export interface Session {
  id: string;
  /** the key store's id, or `ELSEWHERE` */
  owner: string;
}

/** Owner of the session that `loggedInElsewhere` makes. */
export const ELSEWHERE = 'elsewhere';

export interface Cluster extends WorldRecord {
  createdAt: number;
  /** the state it is in, once `transition` is over */
  state: ClusterState;
  transition?: { state: ClusterState; until: number };
  /** from then on it is gone */
  goneAt?: number;
  vpcId: string;
  securityGroupId: string;
  /** zone → subnet, as configured: deleted subnets stay in it */
  subnetMapping: Record<string, string>;
  hsmType: string;
  mode: string;
  familyId: string;
  /** false: nothing gets through to its HSMs */
  reachable: boolean;
  kmsuser: KmsUser | null;
  sessions: Session[];
  tags: Tag[];
}

export interface Hsm extends WorldRecord {
  clusterId: string;
  subnetId: string;
  availabilityZone: string;
  eniId: string;
  eniIp: string;
  /** CREATE_IN_PROGRESS before, ACTIVE from then on */
  activeAt: number;
  /** DELETE_IN_PROGRESS before, gone from then on */
  goneAt?: number;
}

export const FAULT_SERVICES = ['cloudhsm', 'ec2', 'route53', 'hsm', 'xks'] as const;
export type FaultService = (typeof FAULT_SERVICES)[number];

export const FAULT_EFFECTS = ['error', 'lost-reply', 'delay', 'hold', 'hang', 'reset'] as const;
export type FaultEffect = (typeof FAULT_EFFECTS)[number];

/** Something that shall go wrong. `accountId` is empty where the fault is not narrowed to an account. */
export interface Fault extends WorldRecord {
  /** order of creation: the oldest fault that fits is taken */
  sequence: number;
  service: FaultService;
  /** an operation's name, or `*` */
  operation: string;
  effect: FaultEffect;
  code?: string;
  status?: number;
  delayMs?: number;
  /** how often it happens; 0 = until deleted */
  times: number;
  used: number;
  resourceId?: string;
}

/** A number that only grows. */
export interface Counter extends WorldRecord {
  next: number;
}
