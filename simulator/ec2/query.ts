/** Names that the wire has in the singular, one element after the other, and the API's models in the plural. */
const LIST_MEMBERS: Record<string, string> = {
  Filter: 'Filters',
  Value: 'Values',
  Tag: 'Tags',
  TagSpecification: 'TagSpecifications',
  Groups: 'UserIdGroupPairs',
  VpcId: 'VpcIds',
  SubnetId: 'SubnetIds',
  GroupId: 'GroupIds',
  GroupName: 'GroupNames',
  NetworkInterfaceId: 'NetworkInterfaceIds',
  SecurityGroupId: 'Groups',
  SecurityGroupRuleId: 'SecurityGroupRuleIds',
  ResourceId: 'Resources',
  VpcEndpointId: 'VpcEndpointIds',
  ServiceName: 'ServiceNames',
  ServiceId: 'ServiceIds',
  ServiceRegion: 'ServiceRegions',
};

/** Where one action's model calls a list otherwise than the others do. */
const LIST_MEMBERS_OF_ACTION: Record<string, Record<string, string>> = {
  CreateVpcEndpoint: { SecurityGroupId: 'SecurityGroupIds' },
};

/** Deep enough for every parameter of EC2, and no deeper. */
const DEEPEST = 8;

export type QueryValue = string | QueryValue[] | { [member: string]: QueryValue };
type Tree = Map<string, Tree | string>;

/**
 * Reads an EC2 Query request: `Filter.1.Value.2=x` becomes `{ Filters: [{ Values: [.., 'x'] }] }`, with the names that
 * the API's models and the SDKs use. `Action` and `Version` are left out.
 */
export function parseQuery(form: URLSearchParams): Record<string, QueryValue> {
  const root: Tree = new Map();
  for (const [name, value] of form) {
    if (name === 'Action' || name === 'Version') continue;
    const path = name.split('.').slice(0, DEEPEST);
    let node = root;
    for (const part of path.slice(0, -1)) {
      const next = node.get(part);
      if (next instanceof Map) node = next;
      else {
        const made: Tree = new Map();
        node.set(part, made);
        node = made;
      }
    }
    node.set(path.at(-1) as string, value);
  }
  return members(root, { ...LIST_MEMBERS, ...LIST_MEMBERS_OF_ACTION[form.get('Action') ?? ''] });
}

function members(tree: Tree, lists: Record<string, string>): Record<string, QueryValue> {
  const result: Record<string, QueryValue> = {};
  for (const [name, child] of tree) {
    if (name === '__proto__') continue;
    const value = valueOf(child, lists);
    result[Array.isArray(value) ? (lists[name] ?? name) : name] = value;
  }
  return result;
}

function valueOf(child: Tree | string, lists: Record<string, string>): QueryValue {
  if (typeof child === 'string') return child;
  const names = [...child.keys()];
  if (!names.every((name) => /^\d+$/.test(name))) return members(child, lists);
  names.sort((one, other) => Number(one) - Number(other));
  return names.map((name) => valueOf(child.get(name) as Tree | string, lists));
}
