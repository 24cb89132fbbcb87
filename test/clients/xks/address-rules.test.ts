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
  ['192.0.0.192', 'reserved', undefined],
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
