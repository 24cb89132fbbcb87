/** The simulator's control API, as `contract.md` words it. */

export interface SimulatedCluster {
  ClusterId: string;
  TrustAnchorCertificate: string;
  SecurityGroup: string;
  SubnetIds: string[];
  HsmIds: string[];
}

export interface SimulatedKmsuser {
  password: string;
  failedLogins: number;
  locked: boolean;
  loggedIn: boolean;
  passwordChanges: number;
  logins: number;
}

export interface Inventory {
  securityGroups: { GroupId: string; GroupName: string; accountId: string }[];
  networkInterfaces: { NetworkInterfaceId: string; SubnetId: string; accountId: string; Groups: string[] }[];
  vpcEndpoints: unknown[];
  hostedZones: unknown[];
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
  service: 'cloudhsm' | 'ec2' | 'hsm';
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

  async fault(fault: Fault): Promise<string> {
    const { id } = await this.#call<{ id: string }>('POST', '/_control/faults', fault);
    return id;
  }

  deleteFault(id: string): Promise<unknown> {
    return this.#call('DELETE', `/_control/faults/${id}`);
  }

  deleteFaults(): Promise<unknown> {
    return this.#call('DELETE', '/_control/faults');
  }

  /** What an account's connects built and have not removed. */
  async inventory(accountId: string): Promise<Inventory> {
    const all = await this.#call<Inventory>('GET', '/_control/inventory');
    return {
      ...all,
      securityGroups: all.securityGroups.filter((item) => item.accountId === accountId),
      networkInterfaces: all.networkInterfaces.filter((item) => item.accountId === accountId),
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
