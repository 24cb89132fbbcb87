import type { ConnectWorld } from '../../harness/connect-world';
import type { SimulatedCall } from '../../harness/simulator-control';
import type { AccountUnderTest } from './account-under-test';

/** A row of the ledger. */
interface Entry {
  id: string;
  custom_key_store_id: string;
  generation: number;
  kind: string;
}

/** What creates one kind of thing: by its token, which is the id of its row in the ledger. */
const CREATES = [
  {
    service: 'ec2',
    operation: 'CreateNetworkInterface',
    kind: 'network-interface',
    token: 'ClientToken',
    slot: 'SubnetId',
  },
  {
    service: 'ec2',
    operation: 'CreateVpcEndpoint',
    kind: 'vpc-endpoint',
    token: 'ClientToken',
    slot: 'ServiceName',
  },
  {
    service: 'route53',
    operation: 'CreateHostedZone',
    kind: 'hosted-zone',
    token: 'CallerReference',
    slot: 'Name',
  },
] as const;

/**
 * What broke the rules of what connects ask AWS to build: it is in the ledger first, generation after generation, and of
 * each kind one in each place (a subnet, a service, a name), however often it is asked for.
 * @param deaths whether a worker froze meanwhile: what it had in hand may come late
 */
export async function brokenCreates(
  world: ConnectWorld,
  { accountId }: AccountUnderTest,
  deaths: boolean,
): Promise<string[]> {
  const { rows } = await world.database.pool.query<Entry>(
    'SELECT id, custom_key_store_id, generation, kind FROM provisioned_resources WHERE account_id = $1',
    [accountId],
  );
  const ledger = new Map(rows.map((row) => [row.id, row]));
  const broken: string[] = [];
  for (const { service, operation, kind, token, slot } of CREATES) {
    const calls = await world.simulator.calls(accountId, service, operation);
    const requests: CreateRequest[] = [];
    for (const { parameters } of calls) {
      const id = text(parameters[token]);
      const entry = ledger.get(id);
      if (entry?.kind !== kind)
        broken.push(`${operation} with ${token} ${id}, which the ledger does not know`);
      else {
        const { custom_key_store_id: storeId, generation } = entry;
        requests.push({ storeId, generation, place: text(parameters[slot]), token: id });
      }
    }
    broken.push(...brokenTokens(operation, requests), ...(deaths ? [] : brokenOrder(operation, requests)));
  }
  broken.push(...(await brokenGroups(world, accountId, deaths)));
  return broken;
}

/** One request to create something, by its row in the ledger. */
export interface CreateRequest {
  storeId: string;
  generation: number;
  place: string;
  token: string;
}

/** One token for one place in one generation. */
export function brokenTokens(operation: string, requests: readonly CreateRequest[]): string[] {
  const tokens = new Map<string, Set<string>>();
  for (const { storeId, generation, place, token } of requests) {
    const where = `${storeId}: ${operation} of generation ${generation} in ${place}`;
    tokens.set(where, (tokens.get(where) ?? new Set()).add(token));
  }
  return [...tokens].flatMap(([where, { size }]) => (size > 1 ? [`${where} with ${size} tokens`] : []));
}

/** Generation after generation. */
export function brokenOrder(
  operation: string,
  requests: readonly Pick<CreateRequest, 'storeId' | 'generation'>[],
): string[] {
  const latest = new Map<string, number>();
  return requests.flatMap(({ storeId, generation }) => {
    const before = latest.get(storeId) ?? 0;
    latest.set(storeId, Math.max(generation, before));
    return generation < before
      ? [`${storeId}: ${operation} of generation ${generation} after one of generation ${before}`]
      : [];
  });
}

/** A group has no token, and no two of one name are there at a time. */
async function brokenGroups(world: ConnectWorld, accountId: string, deaths: boolean): Promise<string[]> {
  const operation = 'CreateSecurityGroup';
  const requests = (await world.simulator.calls(accountId, 'ec2', operation)).map(groupRequest);
  const made = new Map<string, number>();
  for (const { storeId, generation, outcome } of requests) {
    const which = `${storeId}: ${operation} of generation ${generation}`;
    if (outcome === 'ok') made.set(which, (made.get(which) ?? 0) + 1);
  }
  // A worker that thaws may make one more when the first is gone; it is looked for, and removed.
  const most = deaths ? 2 : 1;
  return [
    ...[...made].flatMap(([which, times]) => (times > most ? [`${which} ${times} times`] : [])),
    ...requests.flatMap(({ storeId, generation }) =>
      storeId === '' || Number.isNaN(generation) ? [`${operation} of no store or no generation`] : [],
    ),
    ...(deaths ? [] : brokenOrder(operation, requests)),
  ];
}

function groupRequest({ parameters, outcome }: SimulatedCall): {
  storeId: string;
  generation: number;
  outcome: string;
} {
  const all = JSON.stringify(parameters);
  return {
    storeId: /cks-[0-9a-f]{17}/.exec(all)?.[0] ?? '',
    generation: Number(/keymoor:generation"[^}]*"Value":"(\d+)"/.exec(all)?.[1] ?? NaN),
    outcome,
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
