import { CLOUDHSM_PORTS } from '../../keystore/naming';
import type { GroupRule, SecurityGroup } from './security-groups';

/**
 * Whether a cluster's security group lets its members reach each other as CloudHSM needs (`spec/kms.md` §5): TCP on
 * 2223 to 2225, in and out, with the group itself at the other end. Ranges may be wider or come in pieces; a range
 * of addresses in place of the group does not count, as AWS asks for the group.
 */
export function hasClusterPortRules(group: Pick<SecurityGroup, 'groupId' | 'ingress' | 'egress'>): boolean {
  return coversPorts(group.ingress, group.groupId) && coversPorts(group.egress, group.groupId);
}

function coversPorts(rules: readonly GroupRule[], groupId: string): boolean {
  const own = rules.filter((rule) => rule.groupIds.includes(groupId));
  for (let port: number = CLOUDHSM_PORTS.from; port <= CLOUDHSM_PORTS.to; port++)
    if (!own.some((rule) => allows(rule, port))) return false;
  return true;
}

/** `-1` is every protocol and port; 6 is TCP's number. */
function allows(rule: GroupRule, port: number): boolean {
  if (rule.protocol === '-1') return true;
  if (rule.protocol !== 'tcp' && rule.protocol !== '6') return false;
  return (rule.fromPort ?? 0) <= port && port <= (rule.toPort ?? 65_535);
}
