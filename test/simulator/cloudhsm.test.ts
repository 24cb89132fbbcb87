import type { CloudHSMV2Client, Cluster } from '@aws-sdk/client-cloudhsm-v2';
import {
  CreateClusterCommand,
  CreateHsmCommand,
  DeleteClusterCommand,
  DeleteHsmCommand,
  DescribeBackupsCommand,
  DescribeClustersCommand,
  InitializeClusterCommand,
  ListTagsCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-cloudhsm-v2';
import { DescribeSubnetsCommand } from '@aws-sdk/client-ec2';
import { X509Certificate } from 'node:crypto';
import { addInterface, connectedCluster } from './harness/connected-cluster';
import { signAsCustomer } from './harness/customer-ca';
import { HsmClient } from './harness/hsm-client';
import { failure, TestSimulator } from './harness/simulator';
import { onSlow } from './harness/slow-simulator';

let simulator: TestSimulator;
let cloudHsm: CloudHSMV2Client;

beforeEach(async () => {
  simulator = await TestSimulator.start();
  cloudHsm = simulator.cloudHsm();
});
afterEach(() => simulator.dispose());

async function describeCluster(id: string): Promise<Cluster | undefined> {
  const command = new DescribeClustersCommand({ Filters: { clusterIds: [id] } });
  return (await cloudHsm.send(command)).Clusters?.[0];
}

describe('a cluster of the control API', () => {
  test('is ACTIVE with two HSMs in two zones, and its certificate verifies against the trust anchor', async () => {
    const made = await simulator.createCluster();
    const cluster = await describeCluster(made.ClusterId);
    expect(made.ClusterId).toMatch(/^cluster-[2-7a-z]{11}$/);
    expect(cluster).toMatchObject({
      ClusterId: made.ClusterId,
      State: 'ACTIVE',
      SecurityGroup: made.SecurityGroup,
      SubnetMapping: { 'eu-central-1a': made.SubnetIds[0], 'eu-central-1b': made.SubnetIds[1] },
      Hsms: [
        { HsmId: made.HsmIds[0], State: 'ACTIVE', SubnetId: made.SubnetIds[0], ClusterId: made.ClusterId },
        { HsmId: made.HsmIds[1], State: 'ACTIVE', SubnetId: made.SubnetIds[1] },
      ],
    });
    expect(cluster?.CreateTimestamp).toBeInstanceOf(Date);
    const certificate = new X509Certificate(cluster?.Certificates?.ClusterCertificate ?? '');
    const anchor = new X509Certificate(made.TrustAnchorCertificate);
    expect(certificate.checkIssued(anchor) && certificate.verify(anchor.publicKey)).toBe(true);
    expect(certificate.ca && anchor.ca).toBe(true);
  });

  test('shares CA and certificate with a cluster only when related to it', async () => {
    const [one, other] = [await simulator.createCluster(), await simulator.createCluster()];
    const related = await simulator.createCluster({ relatedTo: one.ClusterId });
    const certificate = async (id: string) => (await describeCluster(id))?.Certificates?.ClusterCertificate;
    expect(await certificate(related.ClusterId)).toBe(await certificate(one.ClusterId));
    expect(await certificate(other.ClusterId)).not.toBe(await certificate(one.ClusterId));
    expect(related.TrustAnchorCertificate).toBe(one.TrustAnchorCertificate);
    expect(other.TrustAnchorCertificate).not.toBe(one.TrustAnchorCertificate);
  });

  test.each([
    [{ activeHsms: 3 }, ['a', 'b', 'a']],
    [{ activeHsms: 2, subnets: 1 }, ['a', 'a']],
    [{ activeHsms: 3, subnets: 3 }, ['a', 'b', 'c']],
    [{ activeHsms: 0 }, []],
  ])('with %j has HSMs in the zones %j', async (body, zones) => {
    const { ClusterId } = await simulator.createCluster(body);
    const hsms = (await describeCluster(ClusterId))?.Hsms ?? [];
    expect(hsms.map((hsm) => hsm.AvailabilityZone?.slice(-1))).toEqual(zones);
  });

  test('follows a PATCH of its state and number of HSMs', async () => {
    const { ClusterId, HsmIds } = await simulator.createCluster();
    await simulator.control('PATCH', `/clusters/${ClusterId}`, { state: 'DEGRADED', activeHsms: 1 });
    expect(await describeCluster(ClusterId)).toMatchObject({
      State: 'DEGRADED',
      Hsms: [{ HsmId: HsmIds[0] }],
    });
    await simulator.control('PATCH', `/clusters/${ClusterId}`, { state: 'ACTIVE', activeHsms: 3 });
    const cluster = await describeCluster(ClusterId);
    expect(cluster?.Hsms?.map((hsm) => hsm.AvailabilityZone?.slice(-1)).sort()).toEqual(['a', 'a', 'b']);
    expect(cluster?.State).toBe('ACTIVE');
  });

  test('is gone after DELETE: an unknown id gives an empty list', async () => {
    const { ClusterId } = await simulator.createCluster();
    await simulator.control('DELETE', `/clusters/${ClusterId}`);
    expect(await describeCluster(ClusterId)).toBeUndefined();
    expect((await simulator.call('GET', `/_control/clusters/${ClusterId}`)).status).toBe(404);
    expect((await simulator.call('DELETE', `/_control/clusters/${ClusterId}`)).status).toBe(404);
  });

  test('belongs to its account', async () => {
    const { ClusterId } = await simulator.createCluster({ accountId: '111122223333' });
    expect(await describeCluster(ClusterId)).toBeUndefined();
    const { Clusters } = await simulator.cloudHsm('111122223333').send(new DescribeClustersCommand({}));
    expect(Clusters).toMatchObject([{ ClusterId }]);
  });
});

describe('DescribeClusters', () => {
  test('filters by state and by VPC, and refuses an unknown filter', async () => {
    const active = await simulator.createCluster();
    await simulator.createCluster({ state: 'DEGRADED' });
    const byState = new DescribeClustersCommand({ Filters: { states: ['ACTIVE'] } });
    expect((await cloudHsm.send(byState)).Clusters).toMatchObject([{ ClusterId: active.ClusterId }]);
    const byVpc = new DescribeClustersCommand({ Filters: { vpcIds: ['vpc-00000000'] } });
    expect((await cloudHsm.send(byVpc)).Clusters).toEqual([]);
    const unknown = new DescribeClustersCommand({ Filters: { colours: ['red'] } });
    expect(await failure(cloudHsm.send(unknown))).toBe('CloudHsmInvalidRequestException');
  });

  test('comes in pages', async () => {
    const made = [];
    for (let i = 0; i < 3; i++) made.push((await simulator.createCluster()).ClusterId);
    const first = await cloudHsm.send(new DescribeClustersCommand({ MaxResults: 2 }));
    expect(first.Clusters).toHaveLength(2);
    const second = await cloudHsm.send(
      new DescribeClustersCommand({ MaxResults: 2, NextToken: first.NextToken ?? '' }),
    );
    expect(second.NextToken).toBeUndefined();
    const seen = [...(first.Clusters ?? []), ...(second.Clusters ?? [])].map((one) => one.ClusterId);
    expect(seen).toEqual(made);
  });

  test('an operation that there is not is UnknownOperationException', async () => {
    expect(await failure(cloudHsm.send(new DescribeBackupsCommand({})))).toBe('UnknownOperationException');
  });
});

describe('a cluster made by the API', () => {
  async function subnetIds(count: number): Promise<string[]> {
    const { Subnets = [] } = await simulator.ec2().send(new DescribeSubnetsCommand({}));
    return Subnets.slice(0, count).map((subnet) => subnet.SubnetId ?? '');
  }

  async function createCluster(): Promise<string> {
    const { Cluster } = await cloudHsm.send(
      new CreateClusterCommand({ HsmType: 'hsm2m.medium', SubnetIds: await subnetIds(2) }),
    );
    return Cluster?.ClusterId ?? '';
  }

  test('goes from CSR to kmsuser as a customer would take it there, and can then be logged in to', async () => {
    const id = await createCluster();
    await cloudHsm.send(new CreateHsmCommand({ ClusterId: id, AvailabilityZone: 'eu-central-1a' }));
    const csr = (await describeCluster(id))?.Certificates?.ClusterCsr ?? '';
    const signed = await signAsCustomer(csr);
    const { State } = await cloudHsm.send(
      new InitializeClusterCommand({
        ClusterId: id,
        SignedCert: signed.certificate,
        TrustAnchor: signed.anchor,
      }),
    );
    expect(State).toBe('INITIALIZED');
    const initialised = await describeCluster(id);
    expect(initialised?.Certificates).toEqual({ ClusterCertificate: signed.certificate });
    await simulator.control('PATCH', `/clusters/${id}`, { kmsuser: { password: 'chosen123' } });
    await cloudHsm.send(new CreateHsmCommand({ ClusterId: id, AvailabilityZone: 'eu-central-1b' }));
    const active = await describeCluster(id);
    expect(active).toMatchObject({ State: 'ACTIVE', Hsms: [{ State: 'ACTIVE' }, { State: 'ACTIVE' }] });

    const ec2 = simulator.ec2();
    const { groupId } = await connectedCluster(simulator, ec2);
    const way = await simulator.call(
      'GET',
      `/_network/routes?address=${active?.Hsms?.[0]?.EniIp}&securityGroupId=${groupId}`,
    );
    expect(way.status).toBe(404);
    await addInterface(ec2, active?.Hsms?.[0]?.SubnetId ?? '', groupId);
    const client = await HsmClient.open(simulator, active?.Hsms?.[0]?.EniIp ?? '', groupId, signed.anchor);
    expect(client.socket.getPeerCertificate().subject.CN).toBe(id);
    await client.ask('Connect', { owner: 'cks-1', securityGroupId: groupId });
    const login = await client.ask('Login', { username: 'kmsuser', password: 'chosen123' });
    expect(login).toHaveProperty('sessionId');
    client.close();
  });

  test('is not initialised by a certificate for another key or by a foreign CA', async () => {
    const id = await createCluster();
    const csr = (await describeCluster(id))?.Certificates?.ClusterCsr ?? '';
    const otherCsr = (await describeCluster(await createCluster()))?.Certificates?.ClusterCsr ?? '';
    const [right, other] = [await signAsCustomer(csr), await signAsCustomer(otherCsr)];
    const attempt = (SignedCert: string, TrustAnchor: string) =>
      failure(cloudHsm.send(new InitializeClusterCommand({ ClusterId: id, SignedCert, TrustAnchor })));
    expect(await attempt(other.certificate, other.anchor)).toBe('CloudHsmInvalidRequestException');
    expect(await attempt(right.certificate, other.anchor)).toBe('CloudHsmInvalidRequestException');
    expect(await attempt('no certificate', right.anchor)).toBe('CloudHsmInvalidRequestException');
    expect((await describeCluster(id))?.State).toBe('UNINITIALIZED');
    expect(await attempt(right.certificate, right.anchor)).toBe('no error');
    expect(await attempt(right.certificate, right.anchor)).toBe('CloudHsmInvalidRequestException');
  });

  test('passes through its states as time goes by, also over a restart', async () => {
    await onSlow(simulator, async (timeGoesBy) => {
      cloudHsm = simulator.cloudHsm();
      const id = await createCluster();
      expect((await describeCluster(id))?.State).toBe('CREATE_IN_PROGRESS');
      const refused = new CreateHsmCommand({ ClusterId: id, AvailabilityZone: 'eu-central-1a' });
      expect(await failure(cloudHsm.send(refused))).toBe('CloudHsmInvalidRequestException');
      await simulator.restart(0);
      cloudHsm = simulator.cloudHsm();
      expect((await describeCluster(id))?.State).toBe('CREATE_IN_PROGRESS');
      timeGoesBy();
      const cluster = await describeCluster(id);
      expect(cluster?.State).toBe('UNINITIALIZED');
      expect(cluster?.Certificates?.ClusterCsr).toContain('BEGIN CERTIFICATE REQUEST');
    });
  });

  test('shows UPDATE_IN_PROGRESS while an HSM of an ACTIVE cluster is added or taken away', async () => {
    const { ClusterId, HsmIds } = await simulator.createCluster();
    await onSlow(simulator, async (timeGoesBy) => {
      cloudHsm = simulator.cloudHsm();
      await cloudHsm.send(new CreateHsmCommand({ ClusterId, AvailabilityZone: 'eu-central-1a' }));
      const adding = await describeCluster(ClusterId);
      expect(adding?.State).toBe('UPDATE_IN_PROGRESS');
      expect(adding?.Hsms?.at(-1)?.State).toBe('CREATE_IN_PROGRESS');
      timeGoesBy();
      const added = await describeCluster(ClusterId);
      expect([added?.State, added?.Hsms?.at(-1)?.State]).toEqual(['ACTIVE', 'ACTIVE']);
      await cloudHsm.send(new DeleteHsmCommand({ ClusterId, HsmId: HsmIds[0] ?? '' }));
      expect((await describeCluster(ClusterId))?.State).toBe('UPDATE_IN_PROGRESS');
      timeGoesBy();
      const left = await describeCluster(ClusterId);
      expect([left?.State, left?.Hsms?.length]).toEqual(['ACTIVE', 2]);
    });
  });

  test('is deleted only without HSMs', async () => {
    const { ClusterId, HsmIds } = await simulator.createCluster({ activeHsms: 1 });
    const deletion = new DeleteClusterCommand({ ClusterId });
    expect(await failure(cloudHsm.send(deletion))).toBe('CloudHsmInvalidRequestException');
    await cloudHsm.send(new DeleteHsmCommand({ ClusterId, HsmId: HsmIds[0] ?? '' }));
    expect((await cloudHsm.send(deletion)).Cluster?.State).toBe('DELETE_IN_PROGRESS');
    expect(await describeCluster(ClusterId)).toBeUndefined();
    expect(await failure(cloudHsm.send(deletion))).toBe('CloudHsmResourceNotFoundException');
  });

  test('has tags', async () => {
    const { ClusterId } = await simulator.createCluster();
    const TagList = [
      { Key: 'a', Value: '1' },
      { Key: 'b', Value: '2' },
    ];
    await cloudHsm.send(new TagResourceCommand({ ResourceId: ClusterId, TagList }));
    await cloudHsm.send(new UntagResourceCommand({ ResourceId: ClusterId, TagKeyList: ['a'] }));
    const { TagList: left } = await cloudHsm.send(new ListTagsCommand({ ResourceId: ClusterId }));
    expect(left).toEqual([{ Key: 'b', Value: '2' }]);
  });

  test('an operation on an unknown cluster is CloudHsmResourceNotFoundException', async () => {
    const command = new CreateHsmCommand({
      ClusterId: 'cluster-aaaaaaaaaaa',
      AvailabilityZone: 'eu-central-1a',
    });
    await expect(cloudHsm.send(command)).rejects.toMatchObject({
      name: 'CloudHsmResourceNotFoundException',
      message: 'Cluster cluster-aaaaaaaaaaa does not exist.',
      $metadata: { httpStatusCode: 400 },
    });
  });
});
