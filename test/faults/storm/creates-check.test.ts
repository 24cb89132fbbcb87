import { GENERATION_TAG, STORE_TAG } from '../../../keystore/naming';
import type { SimulatedCall } from '../../harness/simulator-control';
import { STORE, at, history, ledgerRow, simulated } from './by-hand';
import { checkCreates } from './creates-check';
import type { LedgerRow } from './history';

const tags = (generation = 1) => [
  {
    Tags: [
      { Key: STORE_TAG, Value: STORE },
      { Key: GENERATION_TAG, Value: String(generation) },
    ],
  },
];
const network = (second: number, token = 'token-1', outcome = 'ok'): SimulatedCall =>
  simulated(
    second,
    'CreateNetworkInterface',
    { SubnetId: 'subnet-1', ClientToken: token, TagSpecifications: tags() },
    outcome,
  );
const endpoint = (second: number, token: string): SimulatedCall =>
  simulated(second, 'CreateVpcEndpoint', { ClientToken: token, TagSpecifications: tags() });
const zone = (second: number, token: string): SimulatedCall =>
  simulated(second, 'CreateHostedZone', {
    CallerReference: token,
    HostedZoneConfig: { Comment: `kms-${STORE}` },
  });
const group = (second: number, outcome = 'ok', generation = 1): SimulatedCall =>
  simulated(second, 'CreateSecurityGroup', { TagSpecifications: tags(generation) }, outcome);

const row = ledgerRow();
/** What was planned in its place when the first was gone. */
const second = ledgerRow({ id: 'token-2', providerId: 'eni-2', plannedAt: at(15) });
const ofKind = (kind: string, ...rows: LedgerRow[]): LedgerRow[] =>
  rows.map((one) => ({ ...one, kind, slot: '' }));
const groups = ofKind('security-group', row);

const checked = (calls: SimulatedCall[], ledger: LedgerRow[]): string[] =>
  checkCreates(history([], { ledger }), calls).map(({ kind, what }) => `${kind}: ${what}`);

describe('what was asked for', () => {
  it('is fine where it was in the ledger before, and is asked for again with the same token', () => {
    expect(checked([network(11, 'token-1', 'lost-reply'), network(12), network(13)], [row])).toEqual([]);
    expect(checked([endpoint(11, 'token-1')], ofKind('vpc-endpoint', row))).toEqual([]);
    expect(checked([zone(11, 'token-1')], ofKind('hosted-zone', row))).toEqual([]);
    expect(checked([group(11)], groups)).toEqual([]);
  });

  it.each<[string, SimulatedCall, LedgerRow[], RegExp]>([
    ['an interface is in no ledger', network(11), [], /^unplanned: .* is in no ledger/],
    ['its token is not the ledger’s', network(11, 'other'), [row], /^unplanned: .* is in no ledger/],
    ['it is in the ledger for another subnet', network(11), [{ ...row, slot: 'subnet-2' }], /in no ledger/],
    ['it is in the ledger of another connect', network(11), [{ ...row, generation: 2 }], /in no ledger/],
    ['it was written down afterwards', network(9), [row], /^unplanned: .* before it was in the ledger/],
    ['an endpoint is in no ledger', endpoint(11, 'x'), ofKind('vpc-endpoint', row), /in no ledger/],
    ['a zone is in no ledger', zone(11, 'x'), ofKind('hosted-zone', row), /in no ledger/],
    ['a group is in no ledger', group(11, 'ok', 2), groups, /in no ledger/],
    ['a group was written down afterwards', group(9), groups, /before it was in the ledger/],
  ])('was not planned where %s', (_, call, ledger, broken) => {
    expect(checked([call], ledger)).toEqual([expect.stringMatching(broken)]);
  });
});

describe('what was asked for twice', () => {
  const gone = (at_: number, id = 'eni-1'): SimulatedCall =>
    simulated(
      at_,
      'DeleteNetworkInterface',
      { NetworkInterfaceId: id },
      'InvalidNetworkInterfaceID.NotFound',
    );

  it('was made twice where the first was not taken away', () => {
    expect(checked([network(11), network(16, 'token-2')], [row, second])).toEqual([
      expect.stringMatching(
        /^duplicate: network-interface subnet-1 .*\(token-2\) was asked for beside token-1/,
      ),
    ]);
    const endpoints = ofKind('vpc-endpoint', row, second);
    expect(checked([endpoint(11, 'token-1'), endpoint(16, 'token-2')], endpoints)).toHaveLength(1);
    const zones = ofKind('hosted-zone', row, second);
    expect(checked([zone(11, 'token-1'), zone(16, 'token-2')], zones)).toHaveLength(1);
  });

  it('is fine where the first was deleted for certain before', () => {
    expect(checked([network(11), gone(14), network(16, 'token-2')], [row, second])).toEqual([]);
    expect(checked([network(11), gone(17), network(16, 'token-2')], [row, second])).toHaveLength(1);
    expect(checked([network(11), gone(14, 'eni-2'), network(16, 'token-2')], [row, second])).toHaveLength(1);
    const zones = ofKind('hosted-zone', { ...row, providerId: 'Z1' }, second);
    const zoneGone = simulated(14, 'DeleteHostedZone', { Id: 'Z1' });
    expect(checked([zone(11, 'token-1'), zoneGone, zone(16, 'token-2')], zones)).toEqual([]);
  });

  it('is fine where the first never came to anything, and not where only its answer was lost', () => {
    const never = { ...row, providerId: null };
    const refused = network(11, 'token-1', 'InvalidGroup.NotFound');
    expect(checked([refused, network(16, 'token-2')], [never, second])).toEqual([]);
    const unheard = network(11, 'token-1', 'lost-reply');
    expect(checked([unheard, network(16, 'token-2')], [never, second])).toHaveLength(1);
  });

  it('is fine in another subnet, and for another connect', () => {
    const other = network(16, 'token-2');
    other.parameters['SubnetId'] = 'subnet-2';
    expect(checked([network(11), other], [row, { ...second, slot: 'subnet-2' }])).toEqual([]);
    const later = network(16, 'token-2');
    later.parameters['TagSpecifications'] = tags(2);
    expect(checked([network(11), later], [row, { ...second, generation: 2 }])).toEqual([]);
  });

  it('is a group where two were made and none was deleted', () => {
    const deleted = simulated(14, 'DeleteSecurityGroup', { GroupId: 'sg-1' });
    expect(checked([group(11), group(12, 'InvalidGroup.Duplicate')], groups)).toEqual([]);
    expect(checked([group(11), deleted, group(16)], groups)).toEqual([]);
    expect(checked([group(11, 'lost-reply'), group(16)], groups)).toEqual([
      expect.stringMatching(/^duplicate: security-group .* was made 2 times and deleted 0 times/),
    ]);
    expect(checked([group(11), deleted, group(16), group(17)], groups)).toHaveLength(1);
  });
});
