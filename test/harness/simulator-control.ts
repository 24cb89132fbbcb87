/** The simulator's control API, as `contract.md` words it. */

export interface SimulatedCluster {
  ClusterId: string;
  TrustAnchorCertificate: string;
  SecurityGroup: string;
  SubnetIds: string[];
  HsmIds: string[];
}

export interface SimulatedProxy {
  id: string;
  XksProxyUriEndpoint: string;
  XksProxyUriPath: string;
  AccessKeyId: string;
  RawSecretAccessKey: string;
  XksProxyVpcEndpointServiceName?: string;
  keyIds: string[];
}

/** A request that a simulated proxy got. */
export interface ProxyRequest {
  at: string;
  operation: string;
  kmsOperation: string;
  kmsRequestId: string;
  signedHeaders: string[];
  outcome: string;
}

export interface SimulatedKmsuser {
  password: string;
  failedLogins: number;
  locked: boolean;
  loggedIn: boolean;
  passwordChanges: number;
  logins: number;
}

interface Tag {
  Key: string;
  Value: string;
}

export interface Inventory {
  securityGroups: { GroupId: string; GroupName: string; accountId: string; Tags: Tag[] }[];
  networkInterfaces: {
    NetworkInterfaceId: string;
    SubnetId: string;
    accountId: string;
    Groups: string[];
    Tags: Tag[];
  }[];
  vpcEndpoints: {
    VpcEndpointId: string;
    ServiceName: string;
    State: string;
    accountId: string;
    Tags: Tag[];
  }[];
  hostedZones: {
    Id: string;
    Name: string;
    Records: { Name: string; Type: string; Value: string }[];
    accountId: string;
    Tags: Tag[];
  }[];
}

export interface SimulatedCall {
  at: string;
  service: string;
  operation: string;
  accountId: string;
  parameters: Record<string, unknown>;
  outcome: string;
}

export type Fault = Record<string, unknown> & {
  service: 'cloudhsm' | 'ec2' | 'route53' | 'hsm' | 'xks';
  operation: string;
  effect: 'error' | 'lost-reply' | 'delay' | 'hold' | 'hang' | 'reset';
};

export class SimulatorControl {
  constructor(readonly url: string) {}

  createCluster(wanted: Record<string, unknown> = {}): Promise<SimulatedCluster> {
    return this.#call('POST', '/_control/clusters', wanted);
  }

  cluster(id: string): Promise<{ kmsuser: SimulatedKmsuser | null; [member: string]: unknown }> {
    return this.#call('GET', `/_control/clusters/${id}`);
  }

  async kmsuser(clusterId: string): Promise<SimulatedKmsuser> {
    const { kmsuser } = await this.cluster(clusterId);
    if (!kmsuser) throw new Error(`no kmsuser in ${clusterId}`);
    return kmsuser;
  }

  patchCluster(id: string, changes: Record<string, unknown>): Promise<unknown> {
    return this.#call('PATCH', `/_control/clusters/${id}`, changes);
  }

  deleteCluster(id: string): Promise<unknown> {
    return this.#call('DELETE', `/_control/clusters/${id}`);
  }

  deleteSubnet(id: string): Promise<unknown> {
    return this.#call('DELETE', `/_control/subnets/${id}`);
  }

  patchSubnet(id: string, changes: Record<string, unknown>): Promise<unknown> {
    return this.#call('PATCH', `/_control/subnets/${id}`, changes);
  }

  createProxy(wanted: Record<string, unknown>): Promise<SimulatedProxy> {
    return this.#call('POST', '/_control/xks-proxies', wanted);
  }

  proxy(id: string): Promise<{ requests: ProxyRequest[]; [member: string]: unknown }> {
    return this.#call('GET', `/_control/xks-proxies/${id}`);
  }

  patchProxy(id: string, changes: Record<string, unknown>): Promise<unknown> {
    return this.#call('PATCH', `/_control/xks-proxies/${id}`, changes);
  }

  deleteProxy(id: string): Promise<unknown> {
    return this.#call('DELETE', `/_control/xks-proxies/${id}`);
  }

  patchEndpointService(name: string, changes: Record<string, unknown>): Promise<unknown> {
    return this.#call('PATCH', `/_control/endpoint-services/${name}`, changes);
  }

  async fault(fault: Fault): Promise<string> {
    const { id } = await this.#call<{ id: string }>('POST', '/_control/faults', fault);
    return id;
  }

  deleteFault(id: string): Promise<unknown> {
    return this.#call('DELETE', `/_control/faults/${id}`);
  }

  /** What was ordered, and how often it happened. */
  faults(): Promise<(Fault & { id: string; used: number; accountId?: string })[]> {
    return this.#call('GET', '/_control/faults');
  }

  deleteFaults(): Promise<unknown> {
    return this.#call('DELETE', '/_control/faults');
  }

  /** What all accounts' connects built and have not removed. */
  wholeInventory(): Promise<Inventory> {
    return this.#call('GET', '/_control/inventory');
  }

  /** The last calls of all accounts. */
  allCalls(): Promise<SimulatedCall[]> {
    return this.#call('GET', '/_control/calls');
  }

  /** What an account's connects built and have not removed. */
  async inventory(accountId: string): Promise<Inventory> {
    const all = await this.wholeInventory();
    return {
      ...all,
      securityGroups: all.securityGroups.filter((item) => item.accountId === accountId),
      networkInterfaces: all.networkInterfaces.filter((item) => item.accountId === accountId),
      vpcEndpoints: all.vpcEndpoints.filter((item) => item.accountId === accountId),
      hostedZones: all.hostedZones.filter((item) => item.accountId === accountId),
    };
  }

  async calls(accountId: string, service: string, operation: string): Promise<SimulatedCall[]> {
    const all = await this.#call<SimulatedCall[]>(
      'GET',
      `/_control/calls?service=${service}&operation=${operation}`,
    );
    return all.filter((call) => call.accountId === accountId);
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.url}${path}`, {
      method,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as T;
  }
}
