import {
  CreateSecurityGroupCommand,
  CreateVpcEndpointCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  GetChangeCommand,
  Route53Client,
} from '@aws-sdk/client-route-53';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Journal } from '../../simulator/world/journal';
import type { Change } from '../../simulator/world/journal';
import { World } from '../../simulator/world/world';
import { failure, REGION, TestSimulator } from './harness/simulator';
import { vpcProxy } from './harness/vpc-proxy';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'simulator-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) await killed(child);
  await rm(folder, { recursive: true, force: true });
});

/** The processes that a test started. */
const children: ChildProcess[] = [];

/** Ends a process as a crash would, and waits until it has ended. */
async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** Starts a simulator in a process of its own; resolves when it listens. */
async function startProcess(stateDir: string): Promise<{ child: ChildProcess; url: string }> {
  const script = path.join(__dirname, 'harness', 'simulator-process.cjs');
  const child = spawn(process.execPath, [script, stateDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, url: chunk.toString().trim() };
}

function ec2Of(endpoint: string): EC2Client {
  const credentials = { accessKeyId: '000000000000', secretAccessKey: 'simulator' };
  return new EC2Client({ endpoint, region: REGION, credentials, maxAttempts: 1 });
}

test('SIGKILL in the middle of work loses nothing that was answered, time after time', async () => {
  const answered: string[] = [];
  for (let round = 0; round < 4; round++) {
    const { child, url } = await startProcess(folder);
    const ec2 = ec2Of(url);
    const known = (await ec2.send(new DescribeSecurityGroupsCommand({}))).SecurityGroups ?? [];
    expect(known.map((group) => group.GroupId)).toEqual(expect.arrayContaining(answered));

    const work = async (worker: number): Promise<void> => {
      for (let i = 0; ; i++) {
        const GroupName = `group-${round}-${worker}-${i}`;
        const { GroupId } = await ec2.send(new CreateSecurityGroupCommand({ GroupName, Description: 'd' }));
        answered.push(GroupId ?? '');
        if (answered.length % 40 === 0) child.kill('SIGKILL');
      }
    };
    const ended = once(child, 'exit');
    await Promise.all([0, 1, 2, 3].map((worker) => failure(work(worker))));
    await ended;
    ec2.destroy();
  }
  expect(answered.length).toBeGreaterThanOrEqual(160);
});

test('the folder and its files are for their owner alone', async () => {
  const stateDir = path.join(folder, 'deep', 'simulator');
  World.open(stateDir).close();
  expect((await stat(stateDir)).mode & 0o777).toBe(0o700);
  expect((await stat(path.join(stateDir, 'world.jsonl'))).mode & 0o777).toBe(0o600);
});

test('state, keys and certificates survive a restart', async () => {
  const simulator = await TestSimulator.start();
  const made = await simulator.createCluster({ activeHsms: 3 });
  await simulator.control('PATCH', `/clusters/${made.ClusterId}`, { kmsuser: { locked: true } });
  const before = await simulator.control('GET', `/clusters/${made.ClusterId}`);
  await simulator.restart();
  expect(await simulator.control('GET', `/clusters/${made.ClusterId}`)).toEqual(before);
  const related = await simulator.createCluster({ relatedTo: made.ClusterId });
  expect(related.TrustAnchorCertificate).toBe(made.TrustAnchorCertificate);
  expect(related.SubnetIds).not.toContain(made.SubnetIds[0]);
  await simulator.dispose();
});

test('endpoint services, endpoints, hosted zones, tokens and changes survive a restart', async () => {
  const simulator = await TestSimulator.start();
  try {
    const proxy = await vpcProxy(simulator);
    await proxy.patchService({ availabilityZones: 4 });
    const endpointId = await proxy.createEndpoint({ ClientToken: 't' });
    const zoneId = await proxy.createZone(proxy.host, 'a reference');
    const changeId = await proxy.point(zoneId, endpointId);
    const look = async () => ({
      inventory: await simulator.control('GET', '/inventory'),
      service: await simulator.control('GET', `/endpoint-services/${proxy.serviceName}`),
      dnsEntry: await proxy.dnsEntry(endpointId),
      change: (await proxy.route53.send(new GetChangeCommand({ Id: changeId }))).ChangeInfo,
      resolves: await proxy.resolves(),
    });
    const before = await look();
    expect(before.resolves).toBe(true);
    await simulator.restart();
    expect(await look()).toEqual(before);
    expect(await proxy.createEndpoint({ ClientToken: 't' })).toBe(endpointId);
    expect(await failure(proxy.createZone(proxy.host, 'a reference'))).toBe('HostedZoneAlreadyExists');
    await simulator.control('POST', '/reset');
    expect(await simulator.control('GET', '/inventory')).toMatchObject({ vpcEndpoints: [], hostedZones: [] });
  } finally {
    await simulator.dispose();
  }
});

test('endpoints, zones and records that were answered survive SIGKILL', async () => {
  const first = await startProcess(folder);
  const order = { method: 'POST', body: JSON.stringify({ connectivity: 'VPC_ENDPOINT_SERVICE' }) };
  const made = await fetch(`${first.url}/_control/xks-proxies`, order);
  const { XksProxyVpcEndpointServiceName: ServiceName } = (await made.json()) as {
    XksProxyVpcEndpointServiceName: string;
  };
  const ec2 = ec2Of(first.url);
  const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({}));
  const VpcId = Subnets[0]?.VpcId ?? '';
  const SubnetIds = Subnets.map((subnet) => subnet.SubnetId ?? '');
  const VpcEndpointType = 'Interface';
  const credentials = { accessKeyId: '000000000000', secretAccessKey: 'simulator' };
  const route53 = new Route53Client({ endpoint: first.url, region: REGION, credentials, maxAttempts: 1 });
  const Name = 'example.com';
  const { HostedZone } = await route53.send(
    new CreateHostedZoneCommand({ Name, CallerReference: 'r', VPC: { VPCId: VpcId, VPCRegion: REGION } }),
  );
  const ResourceRecords = [{ Value: '10.0.0.1' }];
  await route53.send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: HostedZone?.Id,
      ChangeBatch: {
        Changes: [{ Action: 'CREATE', ResourceRecordSet: { Name, Type: 'A', TTL: 60, ResourceRecords } }],
      },
    }),
  );
  const { VpcEndpoint } = await ec2.send(
    new CreateVpcEndpointCommand({ VpcEndpointType, ServiceName, VpcId, SubnetIds }),
  );
  await killed(first.child);
  ec2.destroy();
  route53.destroy();

  const second = await startProcess(folder);
  const inventory = await fetch(`${second.url}/_control/inventory`);
  expect(await inventory.json()).toMatchObject({
    vpcEndpoints: [{ VpcEndpointId: VpcEndpoint?.VpcEndpointId, ServiceName }],
    hostedZones: [{ Id: HostedZone?.Id, Records: [{ Name: 'example.com.', Type: 'A', Value: '10.0.0.1' }] }],
  });
});

test('the list of calls survives a restart', async () => {
  const simulator = await TestSimulator.start();
  await simulator.ec2().send(new DescribeSecurityGroupsCommand({}));
  await simulator.restart();
  expect(await simulator.control('GET', '/calls')).toMatchObject([
    { operation: 'DescribeSecurityGroups', outcome: 'ok' },
  ]);
  await simulator.dispose();
});

describe('the journal', () => {
  const record = (id: string): Change => ['faults', id, { id, accountId: '' }];
  const file = (): string => path.join(folder, 'journal.jsonl');
  const contents = (): string[] => {
    const ids = new Set<string>();
    new Journal(file()).read(([, id, value]) => {
      if (value === null) ids.delete(id);
      else ids.add(id);
    });
    return [...ids];
  };

  test('keeps a request whole or not at all, wherever it was cut off', async () => {
    const journal = new Journal(file());
    journal.rewrite([record('one')]);
    journal.append([record('two'), record('three')]);
    const before = (await stat(file())).size;
    journal.append([record('four'), ['faults', 'one', null]]);
    journal.close();
    const after = (await stat(file())).size;
    expect(contents()).toEqual(['two', 'three', 'four']);
    const whole = await readFile(file());
    for (let length = before; length < after; length++) {
      await writeFile(file(), whole);
      await truncate(file(), length);
      expect(contents()).toEqual(['one', 'two', 'three']);
    }
  });

  test('that is damaged elsewhere is reported by line and file', async () => {
    new Journal(file()).rewrite([record('one')]);
    await appendFile(file(), 'not json\n');
    expect(contents).toThrow(/journal\.jsonl is damaged in line 3/);
  });

  test('forgets its history when that has grown', () => {
    const journal = new Journal(file());
    journal.rewrite([]);
    const large = { id: 'large', accountId: '', text: 'x'.repeat(1_000_000) };
    for (let i = 0; i < 8; i++) journal.append([['faults', 'large', large]]);
    expect(journal.wantsRewrite).toBe(false);
    journal.append([['faults', 'large', large]]);
    expect(journal.wantsRewrite).toBe(true);
    journal.rewrite([['faults', 'large', large]]);
    expect(journal.wantsRewrite).toBe(false);
    journal.append([record('small')]);
    journal.close();
    expect(contents()).toEqual(['large', 'small']);
  });
});
