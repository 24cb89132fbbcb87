import fc from 'fast-check';
import { keepRows } from '../../api/harness/part-of-results';
import { refusedAddressKind } from '../../../clients/xks/address-rules';

/** [address, refused for a public proxy as, refused for a VPC proxy as]; undefined: allowed */
const ADDRESSES: [address: string, asPublic: string | undefined, inVpc: string | undefined][] = [
  ['8.8.8.8', undefined, undefined],
  ['52.94.5.1', undefined, undefined],
  ['172.15.255.255', undefined, undefined],
  ['172.32.0.0', undefined, undefined],
  ['10.0.0.1', 'private', undefined],
  ['172.16.0.1', 'private', undefined],
  ['172.31.255.255', 'private', undefined],
  ['192.168.1.1', 'private', undefined],
  ['100.64.0.1', 'carrier-grade NAT', undefined],
  ['192.0.0.192', 'cloud metadata', 'cloud metadata'],
  ['192.0.2.1', 'reserved', undefined],
  ['198.18.0.1', 'reserved', undefined],
  ['240.0.0.1', 'reserved', undefined],
  ['127.0.0.1', 'loopback', 'loopback'],
  ['127.255.255.254', 'loopback', 'loopback'],
  ['0.0.0.0', 'unspecified', 'unspecified'],
  ['0.1.2.3', 'unspecified', 'unspecified'],
  ['169.254.169.254', 'link-local', 'link-local'],
  ['169.254.170.2', 'link-local', 'link-local'],
  ['100.100.100.200', 'cloud metadata', 'cloud metadata'],
  ['168.63.129.16', 'cloud metadata', 'cloud metadata'],
  ['224.0.0.1', 'multicast', 'multicast'],
  ['239.255.255.255', 'multicast', 'multicast'],
  ['255.255.255.255', 'broadcast', 'broadcast'],
  ['2600:1f18::1', 'IPv6', 'IPv6'],
  ['::1', 'IPv6', 'IPv6'],
  ['::ffff:127.0.0.1', 'IPv6', 'IPv6'],
  ['fd00:ec2::254', 'IPv6', 'IPv6'],
  ['0177.0.0.1', 'unknown', 'unknown'],
  ['2130706433', 'unknown', 'unknown'],
  ['127.1', 'unknown', 'unknown'],
  ['not an address', 'unknown', 'unknown'],
];

describe('where a probe may go (D33)', () => {
  test.each(ADDRESSES)('%s: public %s, VPC %s', (address, asPublic, inVpc) => {
    expect(refusedAddressKind(address, 'PUBLIC_ENDPOINT')).toBe(asPublic);
    expect(refusedAddressKind(address, 'VPC_ENDPOINT_SERVICE')).toBe(inVpc);
  });
});

/**
 * IANA's registries of special-purpose and multicast IPv4 addresses, written down once more, and whether a proxy in a
 * VPC may be there: [range, prefix length, in a VPC].
 */
const SPECIAL: [first: string, bits: number, inVpc: boolean][] = [
  ['0.0.0.0', 8, false],
  ['10.0.0.0', 8, true],
  ['100.64.0.0', 10, true],
  ['127.0.0.0', 8, false],
  ['169.254.0.0', 16, false],
  ['172.16.0.0', 12, true],
  ['192.0.0.0', 24, true],
  ['192.0.2.0', 24, true],
  ['192.31.196.0', 24, true],
  ['192.52.193.0', 24, true],
  ['192.88.99.0', 24, true],
  ['192.168.0.0', 16, true],
  ['192.175.48.0', 24, true],
  ['198.18.0.0', 15, true],
  ['198.51.100.0', 24, true],
  ['203.0.113.0', 24, true],
  ['224.0.0.0', 4, false],
  ['240.0.0.0', 4, true],
  ['255.255.255.255', 32, false],
  // Metadata and management services of clouds.
  ['100.100.100.200', 32, false],
  ['168.63.129.16', 32, false],
  ['192.0.0.192', 32, false],
];

const numberOf = (address: string): number =>
  address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
const addressOf = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
const RANGES = SPECIAL.map(([first, bits, inVpc]) => ({
  name: `${first}/${bits}`,
  first: numberOf(first),
  last: numberOf(first) + 2 ** (32 - bits) - 1,
  inVpc,
}));

let judged = 0;
afterAll(() =>
  keepRows('addresses', [
    ['special-purpose ranges of IPv4 and metadata addresses', RANGES.length, 'judged as registered'],
    ['addresses judged, for both kinds of proxies', judged, 'as the table has it'],
  ]),
);

/** Whether the product's verdict is the table's. */
function expectVerdict(value: number): void {
  judged += 1;
  const address = addressOf(value);
  const covering = RANGES.filter(({ first, last }) => first <= value && value <= last);
  expect([address, refusedAddressKind(address, 'PUBLIC_ENDPOINT') === undefined]).toEqual([
    address,
    covering.length === 0,
  ]);
  expect([address, refusedAddressKind(address, 'VPC_ENDPOINT_SERVICE') === undefined]).toEqual([
    address,
    covering.every(({ inVpc }) => inVpc),
  ]);
}

describe("IANA's special-purpose addresses", () => {
  test.each(RANGES)('$name: both edges, and the addresses beside them', ({ first, last }) => {
    for (const value of [first - 1, first, last, last + 1])
      if (value >= 0 && value < 2 ** 32) expectVerdict(value);
  });

  test('any address of all IPv4 is judged as the table has it', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), expectVerdict), { numRuns: 3_000 });
  });

  test('any address in one of the ranges is', () => {
    const inside = fc
      .constantFrom(...RANGES)
      .chain(({ first, last }) => fc.integer({ min: first, max: last }));
    fc.assert(fc.property(inside, expectVerdict), { numRuns: 3_000 });
  });

  // 6to4, Teredo, NAT64, mapped, compatible, unique local, link-local, documentation, discard, ORCHID, SRv6, site-local.
  test.each([
    '::',
    '::1',
    '::ffff:8.8.8.8',
    '::ffff:7f00:1',
    '::127.0.0.1',
    '::7f00:1',
    '64:ff9b::7f00:1',
    '64:ff9b::169.254.169.254',
    '64:ff9b:1::1',
    '100::1',
    '100:0:0:1::1',
    '2001::1',
    '2001:2::1',
    '2001:20::1',
    '2001:db8::1',
    '2002:7f00:1::1',
    '3fff::1',
    '5f00::1',
    'fc00::1',
    'fd00:ec2::254',
    'fd20:ce::254',
    'fe80::1',
    'fe80::1%lo',
    'fe80::a9fe:a9fe',
    'fec0::1',
    'ff02::1',
    '2600:1f18::1',
    '2606:4700::1111',
    '[::1]',
  ])('%s is refused, as all of IPv6: KMS does not speak it to proxies', (address) => {
    expect(refusedAddressKind(address, 'PUBLIC_ENDPOINT')).toMatch(/^(IPv6|unknown)$/);
    expect(refusedAddressKind(address, 'VPC_ENDPOINT_SERVICE')).toMatch(/^(IPv6|unknown)$/);
  });

  test.each([
    '8.8.8.8 ',
    ' 8.8.8.8',
    '8.8.8.8.',
    '8.8.8',
    '134744072',
    '0x08080808',
    '010.8.8.8',
    '8.8.8.08',
    '8.8.8.8%eth0',
    '8.8.8.8/32',
    '8.8.8.8\n',
    '８.8.8.8',
    '8。8。8。8',
    '',
  ])('%j is no address that a resolver gives', (address) => {
    expect(refusedAddressKind(address, 'PUBLIC_ENDPOINT')).toBe('unknown');
    expect(refusedAddressKind(address, 'VPC_ENDPOINT_SERVICE')).toBe('unknown');
  });
});
