import { hasClusterPortRules } from '../../../clients/aws/cluster-port-rules';
import type { GroupRule } from '../../../clients/aws/security-groups';

const OWN = 'sg-own';
function rule(
  fromPort: number | undefined,
  toPort: number | undefined,
  more: Partial<GroupRule> = {},
): GroupRule {
  return {
    protocol: 'tcp',
    groupIds: [OWN],
    cidrs: [],
    ...(fromPort === undefined ? {} : { fromPort }),
    ...(toPort === undefined ? {} : { toPort }),
    ...more,
  };
}
const exact = [rule(2223, 2225)];

describe("a cluster's security group", () => {
  const TABLE: [what: string, rules: GroupRule[], good: boolean][] = [
    ['exactly the three ports', exact, true],
    ['a wider range', [rule(2000, 3000)], true],
    ['a range in two pieces', [rule(2223, 2223), rule(2224, 2225)], true],
    ['pieces that overlap', [rule(2220, 2224), rule(2224, 2230)], true],
    ['all protocols', [rule(undefined, undefined, { protocol: '-1' })], true],
    ['TCP by its number', [rule(2223, 2225, { protocol: '6' })], true],
    ['itself among other groups', [rule(2223, 2225, { groupIds: ['sg-other', OWN] })], true],
    ['no rule', [], false],
    ['a hole in the middle', [rule(2223, 2223), rule(2225, 2225)], false],
    ['a range that ends early', [rule(2223, 2224)], false],
    ['UDP', [rule(2223, 2225, { protocol: 'udp' })], false],
    ['another group', [rule(2223, 2225, { groupIds: ['sg-other'] })], false],
    ['a range of addresses', [rule(2223, 2225, { groupIds: [], cidrs: ['0.0.0.0/0'] })], false],
  ];
  test.each(TABLE)('with %s inbound and outbound: judged alike', (_what, rules, good) => {
    expect(hasClusterPortRules({ groupId: OWN, ingress: rules, egress: exact })).toBe(good);
    expect(hasClusterPortRules({ groupId: OWN, ingress: exact, egress: rules })).toBe(good);
  });
});
