import type { EC2Client } from '@aws-sdk/client-ec2';
import { CreateNetworkInterfaceCommand, CreateSecurityGroupCommand } from '@aws-sdk/client-ec2';
import { HsmClient } from './hsm-client';
import type { ControlCluster, TestSimulator } from './simulator';

/** A cluster with a connector's group and interface in it, as a connect builds them. */
export interface ConnectedCluster extends ControlCluster {
  groupId: string;
  interfaceId: string;
  /** address of each HSM, in the order of `HsmIds` */
  addresses: string[];
  /** a connection to an HSM that has said `Connect` as some owner */
  login(owner: string, hsm?: number): Promise<HsmClient>;
}

/** `kmsuser` as the control API shows it. */
export interface KmsUserView {
  password: string;
  failedLogins: number;
  locked: boolean;
  loggedIn: boolean;
  passwordChanges: number;
  logins: number;
}

export async function connectedCluster(
  simulator: TestSimulator,
  ec2: EC2Client,
  body: Record<string, unknown> = {},
): Promise<ConnectedCluster> {
  const cluster = await simulator.createCluster(body);
  const group = await ec2.send(
    new CreateSecurityGroupCommand({ GroupName: `kms-${cluster.ClusterId}`, Description: 'connector' }),
  );
  const groupId = group.GroupId ?? '';
  const interfaceId = await addInterface(ec2, cluster.SubnetIds[0] ?? '', groupId);
  const { Hsms } = await simulator.control<{ Hsms: { EniIp: string }[] }>(
    'GET',
    `/clusters/${cluster.ClusterId}`,
  );
  const addresses = Hsms.map((hsm) => hsm.EniIp);
  return {
    ...cluster,
    groupId,
    interfaceId,
    addresses,
    async login(owner, hsm = 0) {
      const address = addresses[hsm] ?? '';
      const client = await HsmClient.open(simulator, address, groupId, cluster.TrustAnchorCertificate);
      const answer = await client.ask('Connect', { owner, securityGroupId: groupId });
      if (answer.error !== undefined) throw new Error(`Connect: ${answer.error}`);
      return client;
    },
  };
}

export async function kmsuser(simulator: TestSimulator, clusterId: string): Promise<KmsUserView | null> {
  return (await simulator.control<{ kmsuser: KmsUserView | null }>('GET', `/clusters/${clusterId}`)).kmsuser;
}

/** An interface of a group in a subnet. */
export async function addInterface(ec2: EC2Client, subnetId: string, groupId: string): Promise<string> {
  const command = new CreateNetworkInterfaceCommand({ SubnetId: subnetId, Groups: [groupId] });
  return (await ec2.send(command)).NetworkInterface?.NetworkInterfaceId ?? '';
}
