import { GENERATION_TAG, STORE_TAG } from '../../../keystore/naming';
import type { SimulatedCall } from '../../harness/simulator-control';
import type { Violation } from './checks';
import type { History, LedgerRow } from './history';

/**
 * Promise 3 of `design.md`, as the outside world saw it: by the simulator's list of calls, which knows nothing of the
 * ledger. Whatever was asked for was in the ledger before, with the ledger's id as its token; and nothing was asked for
 * twice under two tokens, unless the first had been taken away for certain (`create-infrastructure.ts`: "another will be
 * made").
 */

/** A create as it reached the world. */
interface Create {
  call: SimulatedCall;
  at: number;
  kind: LedgerRow['kind'];
  storeId: string;
  /** undefined: the request does not say; a zone is made without tags */
  generation?: number;
  /** of a network interface: its subnet */
  slot: string;
  /** undefined: the call has none */
  token?: string;
}

/** Clocks of one machine, cut to milliseconds. */
const TICK_MS = 2;
/** The work was done. */
const DONE = ['ok', 'lost-reply'];

export function checkCreates(
  { ledger }: Pick<History, 'ledger'>,
  calls: readonly SimulatedCall[],
): Violation[] {
  const creates = calls.flatMap((call) => toCreate(call) ?? []).sort((one, other) => one.at - other.at);
  return [
    ...creates.flatMap((create) => whatWasNotPlanned(create, ledger)),
    ...madeTwice(creates, ledger, calls),
    ...groupsMadeTwice(creates, calls),
  ];
}

function toCreate(call: SimulatedCall): Create | undefined {
  const { operation, parameters } = call;
  const at = new Date(call.at).getTime();
  const tagged = { call, at, storeId: tagIn(parameters, STORE_TAG) ?? '' };
  const generation = Number(tagIn(parameters, GENERATION_TAG));
  switch (operation) {
    case 'CreateSecurityGroup':
      return { ...tagged, kind: 'security-group', generation, slot: '' };
    case 'CreateNetworkInterface':
      return {
        ...tagged,
        kind: 'network-interface',
        generation,
        slot: textOf(parameters['SubnetId']),
        token: textOf(parameters['ClientToken']),
      };
    case 'CreateVpcEndpoint':
      return {
        ...tagged,
        kind: 'vpc-endpoint',
        generation,
        slot: '',
        token: textOf(parameters['ClientToken']),
      };
    case 'CreateHostedZone': {
      const { Comment } = (parameters['HostedZoneConfig'] ?? {}) as { Comment?: unknown };
      return {
        call,
        at,
        kind: 'hosted-zone',
        storeId: textOf(Comment).replace(/^kms-/, ''),
        slot: '',
        token: textOf(parameters['CallerReference']),
      };
    }
    default:
      return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function tagIn(parameters: Record<string, unknown>, key: string): string | undefined {
  const specifications = parameters['TagSpecifications'];
  if (!Array.isArray(specifications)) return undefined;
  return (specifications as { Tags?: { Key: string; Value: string }[] }[])
    .flatMap(({ Tags = [] }) => Tags)
    .find(({ Key }) => Key === key)?.Value;
}

function whatWasNotPlanned(create: Create, ledger: readonly LedgerRow[]): Violation[] {
  const entry = entryOf(create, ledger);
  if (entry && entry.plannedAt.getTime() <= create.at + TICK_MS) return [];
  return [
    {
      kind: 'unplanned',
      what: `${named(create)} was asked for ${entry ? 'before it was in the ledger' : 'and is in no ledger'}`,
    },
  ];
}

/** The first of the ledger's entries that this request can be of. */
function entryOf(create: Create, ledger: readonly LedgerRow[]): LedgerRow | undefined {
  return ledger
    .filter(
      ({ id, kind, storeId, generation, slot }) =>
        kind === create.kind &&
        storeId === create.storeId &&
        slot === create.slot &&
        (create.token === undefined || id === create.token) &&
        (create.generation === undefined || generation === create.generation),
    )
    .sort((one, other) => one.plannedAt.getTime() - other.plannedAt.getTime())[0];
}

/** Two tokens for one thing of one connect: the first must have been taken away before the second was used. */
function madeTwice(
  creates: readonly Create[],
  ledger: readonly LedgerRow[],
  calls: readonly SimulatedCall[],
): Violation[] {
  const firsts = new Map<string, Map<string, Create>>();
  for (const create of creates) {
    if (create.token === undefined) continue;
    const generation = entryOf(create, ledger)?.generation ?? create.generation ?? '';
    const slot = `${create.kind} ${create.storeId} ${generation} ${create.slot}`;
    const tokens = firsts.get(slot) ?? new Map<string, Create>();
    if (!tokens.has(create.token)) tokens.set(create.token, create);
    firsts.set(slot, tokens);
  }
  return [...firsts.values()].flatMap((tokens) => {
    const inTurn = [...tokens.values()];
    return inTurn.flatMap((second, place) =>
      inTurn
        .slice(0, place)
        .filter((first) => !wasTakenAway(first, second.at))
        .map((first): Violation => ({
          kind: 'duplicate',
          what: `${named(second)} was asked for beside ${first.token ?? ''}`,
        })),
    );
  });

  function wasTakenAway(first: Create, before: number): boolean {
    const providerId = entryOf(first, ledger)?.providerId;
    const made = creates.some(
      ({ token, at, call }) => token === first.token && at < before && DONE.includes(call.outcome),
    );
    if (!providerId) return !made;
    return calls.some(
      ({ at, operation, parameters }) =>
        operation.startsWith('Delete') &&
        new Date(at).getTime() < before &&
        JSON.stringify(parameters).includes(providerId),
    );
  }
}

/**
 * A group's create has no token, and a second one of its name is refused: two of one connect that were made mean that one
 * was deleted in between. By their number, as a request that was held is made later than it came.
 */
function groupsMadeTwice(creates: readonly Create[], calls: readonly SimulatedCall[]): Violation[] {
  const made = new Map<string, Create[]>();
  for (const create of creates) {
    if (create.kind !== 'security-group' || !DONE.includes(create.call.outcome)) continue;
    const key = `${create.storeId} ${create.generation ?? ''}`;
    made.set(key, [...(made.get(key) ?? []), create]);
  }
  return [...made.values()].flatMap((groups): Violation[] => {
    const [first] = groups;
    if (!first || groups.length === 1) return [];
    const deleted = calls.filter(
      ({ operation, accountId, outcome, at }) =>
        operation === 'DeleteSecurityGroup' &&
        accountId === first.call.accountId &&
        DONE.includes(outcome) &&
        new Date(at).getTime() >= first.at,
    ).length;
    if (groups.length <= 1 + deleted) return [];
    return [
      {
        kind: 'duplicate',
        what: `${named(first)} was made ${groups.length} times and deleted ${deleted} times`,
      },
    ];
  });
}

function named({ kind, storeId, generation, slot, token }: Create): string {
  return [
    kind,
    slot,
    `of ${storeId}`,
    ...(generation === undefined ? [] : [`generation ${generation}`]),
    ...(token === undefined ? [] : [`(${token})`]),
  ]
    .filter((word) => word !== '')
    .join(' ');
}
