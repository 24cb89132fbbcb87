import { DeleteVpcEndpointsCommand } from '@aws-sdk/client-ec2';
import type {
  Change,
  ListHostedZonesByNameRequest,
  ResourceRecordSet,
  Route53Client,
} from '@aws-sdk/client-route-53';
import {
  ChangeTagsForResourceCommand,
  CreateHostedZoneCommand,
  DeleteHostedZoneCommand,
  GetChangeCommand,
  GetHostedZoneCommand,
  GetHostedZoneCountCommand,
  ListHostedZonesByNameCommand,
  ListHostedZonesByVPCCommand,
  ListHostedZonesCommand,
  ListResourceRecordSetsCommand,
  ListTagsForResourceCommand,
  ListTagsForResourcesCommand,
} from '@aws-sdk/client-route-53';
import { failure, REGION, TestSimulator } from './harness/simulator';
import { onSlow } from './harness/slow-simulator';
import type { VpcProxy } from './harness/vpc-proxy';
import { vpcProxy } from './harness/vpc-proxy';

const OTHER = '111122223333';

let simulator: TestSimulator;
let proxy: VpcProxy;
let route53: Route53Client;

beforeEach(async () => {
  simulator = await TestSimulator.start();
  proxy = await vpcProxy(simulator);
  route53 = proxy.route53;
});
afterEach(() => simulator.dispose());

const txt = (Name: string, ...texts: string[]): ResourceRecordSet => ({
  Name,
  Type: 'TXT',
  TTL: 60,
  ResourceRecords: texts.map((text) => ({ Value: `"${text}"` })),
});
const simple = (Name: string, Type: 'A' | 'CNAME', Value: string): ResourceRecordSet => ({
  Name,
  Type,
  TTL: 60,
  ResourceRecords: [{ Value }],
});
const change = (Action: 'CREATE' | 'UPSERT' | 'DELETE', ResourceRecordSet: ResourceRecordSet): Change => ({
  Action,
  ResourceRecordSet,
});
const records = async (HostedZoneId: string) =>
  (await route53.send(new ListResourceRecordSetsCommand({ HostedZoneId }))).ResourceRecordSets ?? [];
const ownRecords = async (zoneId: string) =>
  (await records(zoneId)).filter((record) => record.Type !== 'NS' && record.Type !== 'SOA');
const deleteZone = (Id: string, client = route53) => client.send(new DeleteHostedZoneCommand({ Id }));
const alias = async (endpointId: string, Name = proxy.host): Promise<ResourceRecordSet> => ({
  Name,
  Type: 'A',
  AliasTarget: { ...(await proxy.dnsEntry(endpointId)), EvaluateTargetHealth: false },
});

describe('creating a hosted zone', () => {
  const order = (more: Record<string, unknown> = {}) =>
    new CreateHostedZoneCommand({
      Name: 'Proxy.Example.com',
      CallerReference: 'a reference',
      VPC: { VPCId: proxy.vpcId, VPCRegion: REGION },
      HostedZoneConfig: { Comment: 'for <a> "test"', PrivateZone: true },
      ...more,
    });

  test('makes a private zone with NS and SOA records of its own', async () => {
    const made = await route53.send(order());
    const Id = made.HostedZone?.Id ?? '';
    expect(made).toMatchObject({
      $metadata: { httpStatusCode: 201 },
      Location: `https://route53.amazonaws.com/2013-04-01${Id}`,
      HostedZone: {
        Id: expect.stringMatching(/^\/hostedzone\/Z[A-Z0-9]+$/) as string,
        Name: 'proxy.example.com.',
        CallerReference: 'a reference',
        Config: { Comment: 'for <a> "test"', PrivateZone: true },
        ResourceRecordSetCount: 2,
      },
      ChangeInfo: { Id: expect.stringMatching(/^\/change\/C[A-Z0-9]+$/) as string, Status: 'PENDING' },
      VPC: { VPCId: proxy.vpcId, VPCRegion: REGION },
    });
    expect(made.ChangeInfo?.SubmittedAt).toBeInstanceOf(Date);
    expect(await route53.send(new GetHostedZoneCommand({ Id }))).toMatchObject({
      HostedZone: made.HostedZone,
      VPCs: [{ VPCId: proxy.vpcId, VPCRegion: REGION }],
    });
    expect((await records(Id)).map((record) => record.Type)).toEqual(['NS', 'SOA']);
  });

  test('with the CallerReference of a zone that exists is HostedZoneAlreadyExists', async () => {
    const { HostedZone } = await route53.send(order());
    await expect(route53.send(order())).rejects.toMatchObject({
      name: 'HostedZoneAlreadyExists',
      $metadata: { httpStatusCode: 409 },
    });
    expect(await failure(route53.send(order({ Name: 'another.example.com' })))).toBe(
      'HostedZoneAlreadyExists',
    );
    await deleteZone(HostedZone?.Id ?? '');
    const again = await route53.send(order());
    expect(again.HostedZone?.Id).not.toBe(HostedZone?.Id);
  });

  test('with a CallerReference or a name of another account is none of its business', async () => {
    await route53.send(order());
    const theirs = await vpcProxy(simulator, OTHER);
    expect(await theirs.createZone('proxy.example.com', 'a reference')).toMatch(/^Z/);
  });

  test('of a name that the VPC has already is ConflictingDomainExists', async () => {
    await route53.send(order());
    const again = order({ CallerReference: 'another', Name: 'proxy.example.com.' });
    expect(await failure(route53.send(again))).toBe('ConflictingDomainExists');
    const below = order({ CallerReference: 'another', Name: 'a.proxy.example.com' });
    expect(await failure(route53.send(below))).toBe('no error');
  });

  test.each([
    [{ VPC: { VPCId: 'vpc-00000000000000000', VPCRegion: REGION } }, 'InvalidVPCId'],
    [{ VPC: undefined }, 'InvalidInput'],
    [{ Name: 'a..example.com' }, 'InvalidDomainName'],
    [{ Name: `${'a'.repeat(64)}.example.com` }, 'InvalidDomainName'],
    [{ Name: `${'abcdefg.'.repeat(32)}example.com` }, 'InvalidDomainName'],
  ])('with %j is %s', async (more, code) => {
    expect(await failure(route53.send(order(more)))).toBe(code);
    expect((await route53.send(new ListHostedZonesCommand({}))).HostedZones).toEqual([]);
  });

  test("in another account's VPC is InvalidVPCId", async () => {
    const theirs = await vpcProxy(simulator, OTHER);
    const VPC = { VPCId: theirs.vpcId, VPCRegion: REGION };
    expect(await failure(route53.send(order({ VPC })))).toBe('InvalidVPCId');
  });
});

describe('hosted zones are listed', () => {
  const names = ['b.example', 'a.b.example', 'c.example', 'a.example'];
  let ids: Record<string, string>;
  beforeEach(async () => {
    ids = {};
    for (const name of names) ids[name] = await proxy.createZone(name);
    await (await vpcProxy(simulator, OTHER)).createZone('theirs.example');
  });

  test('in pages, without those of other accounts', async () => {
    const seen: string[] = [];
    let Marker: string | undefined;
    do {
      const page: {
        HostedZones?: { Name?: string | undefined }[] | undefined;
        IsTruncated?: boolean | undefined;
        NextMarker?: string | undefined;
      } = await route53.send(
        new ListHostedZonesCommand({ MaxItems: 3, ...(Marker === undefined ? {} : { Marker }) }),
      );
      seen.push(...(page.HostedZones ?? []).map((zone) => zone.Name ?? ''));
      expect(page.IsTruncated).toBe(page.NextMarker !== undefined);
      Marker = page.NextMarker;
    } while (Marker !== undefined);
    expect(seen.sort()).toEqual(['a.b.example.', 'a.example.', 'b.example.', 'c.example.']);
  });

  test('by name, label by label from the last one, from a name on', async () => {
    const from = async (request: ListHostedZonesByNameRequest) => {
      const answer = await route53.send(new ListHostedZonesByNameCommand(request));
      return { ...answer, names: answer.HostedZones?.map((zone) => zone.Name) };
    };
    expect((await from({})).names).toEqual(['a.example.', 'b.example.', 'a.b.example.', 'c.example.']);
    const page = await from({ DNSName: 'b.example', MaxItems: 1 });
    expect(page).toMatchObject({
      names: ['b.example.'],
      DNSName: 'b.example',
      IsTruncated: true,
      NextDNSName: 'a.b.example.',
      NextHostedZoneId: ids['a.b.example'],
      MaxItems: 1,
    });
    const next = await from({
      DNSName: page.NextDNSName ?? '',
      HostedZoneId: page.NextHostedZoneId ?? '',
    });
    expect(next).toMatchObject({ names: ['a.b.example.', 'c.example.'], IsTruncated: false });
    expect(next.NextDNSName).toBeUndefined();
    expect(await failure(from({ HostedZoneId: ids['a.example'] ?? '' }))).toBe('InvalidInput');
    expect(await failure(from({ DNSName: 'a..b' }))).toBe('InvalidDomainName');
  });

  test('by VPC', async () => {
    const command = new ListHostedZonesByVPCCommand({ VPCId: proxy.vpcId, VPCRegion: REGION });
    const { HostedZoneSummaries = [] } = await route53.send(command);
    expect(HostedZoneSummaries).toHaveLength(4);
    expect(HostedZoneSummaries).toContainEqual({
      HostedZoneId: ids['c.example'],
      Name: 'c.example.',
      Owner: { OwningAccount: '000000000000' },
    });
    expect(await failure(simulator.route53(OTHER).send(command))).toBe('InvalidInput');
  });
});

describe('records', () => {
  let zone: string;
  beforeEach(async () => {
    zone = await proxy.createZone('example.com');
  });

  test('of types A, TXT and CNAME are kept as they were given', async () => {
    const a = simple('a.example.com.', 'A', '10.0.0.1');
    const cname = simple('c.example.com.', 'CNAME', 'a.example.com');
    const text = txt('t.example.com.', '  a &amp; <b>  ', 'two');
    await proxy.change(zone, change('CREATE', a), change('CREATE', cname), change('CREATE', text));
    expect(await ownRecords(zone)).toEqual([a, cname, text]);
    const { HostedZone } = await route53.send(new GetHostedZoneCommand({ Id: zone }));
    expect(HostedZone?.ResourceRecordSetCount).toBe(5);
  });

  test('are an alias to an interface endpoint, also at the apex', async () => {
    const endpointId = await proxy.createEndpoint();
    const { DNSName, HostedZoneId } = await proxy.dnsEntry(endpointId);
    const record = await alias(endpointId, 'Example.com');
    await proxy.change(zone, change('CREATE', record));
    expect(await ownRecords(zone)).toEqual([
      {
        Name: 'example.com.',
        Type: 'A',
        AliasTarget: { DNSName: `${DNSName}.`, HostedZoneId, EvaluateTargetHealth: false },
      },
    ]);
    await proxy.change(zone, change('DELETE', record));
    expect(await ownRecords(zone)).toEqual([]);
  });

  test('are replaced by UPSERT, which also creates', async () => {
    const first = simple('a.example.com.', 'A', '10.0.0.1');
    const second = simple('a.example.com.', 'A', '10.0.0.2');
    await proxy.change(zone, change('UPSERT', first));
    await proxy.change(zone, change('UPSERT', second));
    expect(await ownRecords(zone)).toEqual([second]);
  });

  test('are listed by name and type, in pages', async () => {
    const text = txt('a.example.com.', 'x');
    const first = simple('a.example.com.', 'A', '10.0.0.1');
    const later = simple('a.a.example.com.', 'A', '10.0.0.1');
    await proxy.change(zone, change('CREATE', later), change('CREATE', text), change('CREATE', first));
    expect((await records(zone)).map((one) => `${one.Type} ${one.Name}`)).toEqual([
      'NS example.com.',
      'SOA example.com.',
      'A a.example.com.',
      'TXT a.example.com.',
      'A a.a.example.com.',
    ]);
    const list = (more: Record<string, unknown>) =>
      route53.send(new ListResourceRecordSetsCommand({ HostedZoneId: zone, ...more }));
    expect(await list({ StartRecordName: 'a.example.com', MaxItems: 1 })).toMatchObject({
      ResourceRecordSets: [first],
      IsTruncated: true,
      NextRecordName: 'a.example.com.',
      NextRecordType: 'TXT',
    });
    const rest = await list({ StartRecordName: 'a.example.com.', StartRecordType: 'TXT' });
    expect(rest).toMatchObject({ ResourceRecordSets: [text, later], IsTruncated: false });
    expect(await failure(list({ StartRecordType: 'A' }))).toBe('InvalidInput');
  });

  test.each<[string, (present: ResourceRecordSet) => Change[]]>([
    ['CREATE of what exists', (present) => [change('CREATE', present)]],
    ['DELETE of what does not exist', () => [change('DELETE', txt('b.example.com', 'x'))]],
    ['DELETE with another value', (present) => [change('DELETE', txt(present.Name ?? '', 'other'))]],
    ['DELETE with another TTL', (present) => [change('DELETE', { ...present, TTL: 61 })]],
    ['a CNAME at the apex', () => [change('CREATE', simple('example.com', 'CNAME', 'a.b'))]],
    ['a CNAME beside another', (present) => [change('CREATE', simple(present.Name ?? '', 'CNAME', 'a.b'))]],
    [
      'another beside a CNAME',
      () => [
        change('CREATE', simple('c.example.com', 'CNAME', 'a.b')),
        change('CREATE', txt('c.example.com', 'x')),
      ],
    ],
    ['a name outside the zone', () => [change('CREATE', txt('b.anexample.com', 'x'))]],
    ['an address that is none', () => [change('CREATE', simple('b.example.com', 'A', '10.0.0.256'))]],
    [
      'a text without quotes',
      () => [change('CREATE', { ...txt('b.example.com', 'x'), ResourceRecords: [{ Value: 'x' }] })],
    ],
    ['a value twice', () => [change('CREATE', txt('b.example.com', 'x', 'x'))]],
    [
      'an alias to an endpoint that there is not',
      () => [
        change('UPSERT', {
          Name: 'b.example.com',
          Type: 'A',
          AliasTarget: {
            HostedZoneId: 'Z0000000000000',
            DNSName: 'vpce-1.vpce.amazonaws.com',
            EvaluateTargetHealth: false,
          },
        }),
      ],
    ],
  ])('%s is InvalidChangeBatch, and of the whole batch nothing is done', async (_, wrong) => {
    const present = txt('a.example.com.', 'present');
    await proxy.change(zone, change('CREATE', present));
    const good = change('CREATE', txt('good.example.com', 'x'));
    expect(await failure(proxy.change(zone, good, ...wrong(present)))).toBe('InvalidChangeBatch');
    expect(await ownRecords(zone)).toEqual([present]);
  });

  test("an alias with the wrong zone of the endpoint's name is InvalidChangeBatch", async () => {
    const record = await alias(await proxy.createEndpoint(), 'example.com');
    for (const HostedZoneId of [zone, 'Z0000000000000']) {
      const AliasTarget = { ...record.AliasTarget, HostedZoneId } as ResourceRecordSet['AliasTarget'];
      const attempt = proxy.change(zone, change('CREATE', { ...record, AliasTarget }));
      expect(await failure(attempt)).toBe('InvalidChangeBatch');
    }
  });

  test('all that is wrong with a batch is told', async () => {
    const attempt = proxy.change(
      zone,
      change('DELETE', txt('one.example.com', 'x')),
      change('CREATE', txt('b.elsewhere.com', 'x')),
      change('CREATE', simple('example.com', 'CNAME', 'a.b')),
    );
    await expect(attempt).rejects.toThrow(
      "[Tried to delete resource record set [name='one.example.com.', type='TXT'] but it was not found, " +
        'RRSet with DNS name b.elsewhere.com. is not permitted in zone example.com., ' +
        'RRSet of type CNAME with DNS name example.com. is not permitted at apex in zone example.com.]',
    );
  });

  test("the zone's own NS and SOA cannot be deleted", async () => {
    for (const own of await records(zone)) {
      expect(await failure(proxy.change(zone, change('DELETE', own)))).toBe('InvalidChangeBatch');
    }
    expect(await records(zone)).toHaveLength(2);
  });

  test.each([
    ['neither values nor an alias', { Name: 'a.example.com', Type: 'A' } as const],
    ['a policy of routing', { ...txt('a.example.com', 'x'), SetIdentifier: 's', Weight: 1 }],
    ['a name that is none', txt('a..example.com', 'x')],
  ])('with %s are InvalidInput', async (_, record) => {
    expect(await failure(proxy.change(zone, change('CREATE', record)))).toBe('InvalidInput');
  });

  test('of an unknown zone, or of another account, are NoSuchHostedZone', async () => {
    await expect(records('Z00000000000000000000')).rejects.toMatchObject({
      name: 'NoSuchHostedZone',
      $metadata: { httpStatusCode: 404 },
    });
    route53 = simulator.route53(OTHER);
    expect(await failure(records(zone))).toBe('NoSuchHostedZone');
    expect(await failure(deleteZone(zone))).toBe('NoSuchHostedZone');
    expect(await failure(route53.send(new GetHostedZoneCommand({ Id: zone })))).toBe('NoSuchHostedZone');
  });
});

describe('a change', () => {
  const status = async (Id: string) => (await route53.send(new GetChangeCommand({ Id }))).ChangeInfo?.Status;

  test('is PENDING before it is INSYNC', async () => {
    await onSlow(simulator, async (timeGoesBy) => {
      route53 = proxy.route53;
      const zone = await proxy.createZone('example.com');
      const id = await proxy.change(zone, change('CREATE', txt('example.com', 'x')));
      expect(await status(id)).toBe('PENDING');
      timeGoesBy();
      expect(await status(id)).toBe('INSYNC');
    });
  });

  test('is found with and without its prefix, and by its account alone', async () => {
    const zone = await proxy.createZone('example.com');
    const id = await proxy.change(zone, change('CREATE', txt('example.com', 'x')));
    expect(await status(id)).toBe('INSYNC');
    expect(await status(id.slice('/change/'.length))).toBe('INSYNC');
    expect(await failure(status('C00000000000000000000'))).toBe('NoSuchChange');
    route53 = simulator.route53(OTHER);
    expect(await failure(status(id))).toBe('NoSuchChange');
  });
});

describe('deleting a hosted zone', () => {
  test('with records of its owner is HostedZoneNotEmpty', async () => {
    const zone = await proxy.createZone('example.com');
    const record = txt('example.com', 'x');
    await proxy.change(zone, change('CREATE', record));
    await expect(deleteZone(zone)).rejects.toMatchObject({
      name: 'HostedZoneNotEmpty',
      $metadata: { httpStatusCode: 400 },
    });
    await proxy.change(zone, change('DELETE', record));
    const { ChangeInfo } = await deleteZone(zone);
    expect(ChangeInfo?.Status).toBe('PENDING');
    expect(await failure(deleteZone(zone))).toBe('NoSuchHostedZone');
  });
});

describe('tags of a hosted zone', () => {
  test('are added, replaced, taken away and listed', async () => {
    const zone = await proxy.createZone('example.com');
    const other = await proxy.createZone('example.net');
    const tagged = { ResourceType: 'hostedzone', ResourceId: zone } as const;
    const tag = (Key: string, Value: string) => ({ Key, Value });
    const listed = async () =>
      (await route53.send(new ListTagsForResourceCommand(tagged))).ResourceTagSet?.Tags;
    expect(await listed()).toEqual([]);
    const AddTags = [tag('a', '1'), tag('b', ' <2> & "3" ')];
    await route53.send(new ChangeTagsForResourceCommand({ ...tagged, AddTags }));
    expect(await listed()).toEqual(AddTags);
    await route53.send(
      new ChangeTagsForResourceCommand({ ...tagged, AddTags: [tag('a', '4')], RemoveTagKeys: ['b'] }),
    );
    expect(await listed()).toEqual([tag('a', '4')]);
    const both = await route53.send(
      new ListTagsForResourcesCommand({ ResourceType: 'hostedzone', ResourceIds: [zone, other] }),
    );
    expect(both.ResourceTagSets).toEqual([
      { ...tagged, Tags: [tag('a', '4')] },
      { ResourceType: 'hostedzone', ResourceId: other, Tags: [] },
    ]);
  });

  test('that there is not, or of another account, cannot be changed', async () => {
    const ResourceId = await proxy.createZone('example.com');
    const zone = { ResourceType: 'hostedzone', ResourceId } as const;
    const tagging = new ChangeTagsForResourceCommand({ ...zone, AddTags: [{ Key: 'a', Value: '1' }] });
    const theirs = simulator.route53(OTHER).send(tagging);
    expect(await failure(theirs)).toBe('NoSuchHostedZone');
    const check = { ResourceType: 'healthcheck', ResourceId: 'x' } as const;
    expect(await failure(route53.send(new ListTagsForResourceCommand(check)))).toBe('NoSuchHealthCheck');
    expect(await failure(route53.send(new ChangeTagsForResourceCommand(zone)))).toBe('InvalidInput');
  });
});

describe('a request that is none', () => {
  test('for an operation that there is not is refused', async () => {
    await expect(route53.send(new GetHostedZoneCountCommand({}))).rejects.toMatchObject({
      name: 'UnknownOperationException',
      $metadata: { httpStatusCode: 404 },
    });
  });

  test.each([
    ['no XML', 'nonsense'],
    ['broken XML', '<CreateHostedZoneRequest><Name>a</CreateHostedZoneRequest>'],
    ['nothing in it', '<CreateHostedZoneRequest/>'],
    ['nothing at all', ''],
  ])('with %s is InvalidInput', async (_, body) => {
    const answer = await fetch(`${simulator.url}/2013-04-01/hostedzone`, { method: 'POST', body });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toBe('text/xml');
    expect(await answer.text()).toMatch(
      /<ErrorResponse xmlns="[^"]+"><Error><Type>Sender<\/Type><Code>InvalidInput<\/Code><Message>.+<\/Message><\/Error><RequestId>.+<\/RequestId><\/ErrorResponse>/,
    );
  });
});

describe("a proxy's private name", () => {
  let endpointId: string;
  let zone: string;
  beforeEach(async () => {
    endpointId = await proxy.createEndpoint();
    zone = await proxy.createZone();
    await proxy.point(zone, endpointId);
  });

  test('resolves while endpoint, zone and record are there', async () => {
    expect(await proxy.resolves()).toBe(true);
    await proxy.change(zone, change('DELETE', await alias(endpointId)));
    expect(await proxy.resolves()).toBe(false);
    await proxy.point(zone, endpointId);
    expect(await proxy.resolves()).toBe(true);
    await proxy.ec2.send(new DeleteVpcEndpointsCommand({ VpcEndpointIds: [endpointId] }));
    expect(await proxy.resolves()).toBe(false);
  });

  test('does not resolve by an endpoint to another service', async () => {
    const another = await vpcProxy(simulator);
    await proxy.point(zone, await another.createEndpoint());
    expect(await proxy.resolves()).toBe(false);
  });

  test('does not resolve once the service is deleted, or has another private name', async () => {
    await proxy.patchService({ privateDnsName: 'other.example.com' });
    expect(await proxy.resolves()).toBe(false);
    await proxy.patchService({ privateDnsName: proxy.host.toUpperCase() });
    expect(await proxy.resolves()).toBe(true);
    await proxy.patchService({ deleted: true });
    expect(await proxy.resolves()).toBe(false);
  });

  test('does not resolve while the endpoint waits for acceptance', async () => {
    await proxy.patchService({ acceptanceRequired: true });
    await proxy.point(zone, await proxy.createEndpoint());
    expect(await proxy.resolves()).toBe(false);
    await proxy.patchService({ acceptanceRequired: false });
    expect(await proxy.resolves()).toBe(true);
  });

  test('resolves by a CNAME in a zone above it, unless a more specific zone answers', async () => {
    await proxy.change(zone, change('DELETE', await alias(endpointId)));
    await deleteZone(zone);
    const above = await proxy.createZone(proxy.host.slice(proxy.host.indexOf('.') + 1));
    const { DNSName } = await proxy.dnsEntry(endpointId);
    await proxy.change(above, change('CREATE', simple(proxy.host, 'CNAME', DNSName)));
    expect(await proxy.resolves()).toBe(true);
    await proxy.createZone(proxy.host);
    expect(await proxy.resolves()).toBe(false);
  });

  test("does not resolve by another account's zone, nor by a record of another name", async () => {
    await proxy.change(zone, change('DELETE', await alias(endpointId)));
    await proxy.change(zone, change('CREATE', await alias(endpointId, `x.${proxy.host}`)));
    expect(await proxy.resolves()).toBe(false);
    await proxy.change(zone, change('DELETE', await alias(endpointId, `x.${proxy.host}`)));
    await deleteZone(zone);
    const theirs = await vpcProxy(simulator, OTHER);
    const foreign = await theirs.createZone(proxy.host);
    await theirs.change(foreign, change('CREATE', await alias(endpointId)));
    expect(await proxy.resolves()).toBe(false);
  });

  test('does not resolve before the change is INSYNC', async () => {
    await proxy.change(zone, change('DELETE', await alias(endpointId)));
    // so long that nothing becomes INSYNC here
    await simulator.restart(3_600);
    await proxy.point(zone, endpointId);
    expect(await proxy.resolves()).toBe(false);
  });
});
