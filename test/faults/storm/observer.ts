import { setTimeout as pause } from 'node:timers/promises';
import { GENERATION_TAG, STORE_TAG } from '../../../keystore/naming';
import type { Inventory, SimulatedCall } from '../../harness/simulator-control';
import type { SimulatedWorld } from './simulated-world';

/**
 * Looks at the simulated world all through a storm: what exists twice at any moment, every call, of which the simulator
 * itself remembers only the last, and every password that kmsuser of some cluster has for a while.
 */

const LOOK_EVERY_MS = 500;

/** Something in the inventory. */
export interface Tagged {
  id: string;
  kind: string;
  accountId: string;
  /** what makes it one of its kind in the store */
  slot: string;
  tags: readonly { Key: string; Value: string }[];
}

/** Everything in the inventory in one form. */
export function itemsOf(inventory: Inventory): Tagged[] {
  return [
    ...inventory.securityGroups.map((item) => ({
      ...item,
      id: item.GroupId,
      kind: 'security-group',
      slot: '',
      tags: item.Tags,
    })),
    ...inventory.networkInterfaces.map((item) => ({
      ...item,
      id: item.NetworkInterfaceId,
      kind: 'network-interface',
      slot: item.SubnetId,
      tags: item.Tags,
    })),
    ...inventory.vpcEndpoints
      .filter(({ State }) => State !== 'deleting' && State !== 'deleted')
      .map((item) => ({
        ...item,
        id: item.VpcEndpointId,
        kind: 'vpc-endpoint',
        slot: item.ServiceName,
        tags: item.Tags,
      })),
    ...inventory.hostedZones.map((item) => ({
      ...item,
      id: item.Id.replace('/hostedzone/', ''),
      kind: 'hosted-zone',
      slot: item.Name,
      tags: item.Tags,
    })),
  ];
}

export function tagOf(item: Pick<Tagged, 'tags'>, key: string): string | undefined {
  return item.tags.find(({ Key }) => Key === key)?.Value;
}

export class Observer {
  /** things of one kind, place and operation that were there at the same time */
  readonly duplicates = new Map<string, string>();
  /** passwords that kmsuser of some cluster had when somebody looked */
  readonly passwords = new Set<string>();
  /** times at which the simulator had forgotten calls that were not seen */
  readonly gaps: string[] = [];
  readonly #calls = new Map<string, SimulatedCall>();
  readonly #world: SimulatedWorld;
  readonly #clusters: () => readonly string[];
  #lastCallAt: string | undefined;
  readonly #over = new AbortController();
  #running: Promise<void> | undefined;

  /** `clusters`: whose users to look at, as they are there just now */
  constructor(world: SimulatedWorld, clusters: () => readonly string[]) {
    this.#world = world;
    this.#clusters = clusters;
  }

  start(): void {
    this.#running = this.#watch();
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.#running;
  }

  /** All calls since the start, each once. */
  get calls(): SimulatedCall[] {
    return [...this.#calls.values()];
  }

  async #watch(): Promise<void> {
    for (let round = 0; !this.#over.signal.aborted; round++) {
      const inventory = await this.#world.ask((control) => control.wholeInventory());
      this.#noteDuplicates(inventory);
      if (round % 2 === 0) await this.notePasswords();
      if (round % 4 === 0) this.#noteCalls(await this.#world.ask((control) => control.allCalls()));
      await pause(LOOK_EVERY_MS, undefined, { signal: this.#over.signal }).catch(() => undefined);
    }
    this.#noteCalls(await this.#world.ask((control) => control.allCalls()));
  }

  /** Looks at the users of all clusters now. */
  async notePasswords(): Promise<void> {
    await Promise.all(
      this.#clusters().map(async (id) => {
        // One that was deleted is not found.
        const cluster = await this.#world.ask((control) => control.cluster(id)).catch(() => undefined);
        if (cluster?.kmsuser) this.passwords.add(cluster.kmsuser.password);
      }),
    );
  }

  #noteDuplicates(inventory: Inventory): void {
    const seen = new Map<string, Tagged>();
    for (const item of itemsOf(inventory)) {
      const slot = [
        item.kind,
        item.accountId,
        item.slot,
        tagOf(item, STORE_TAG),
        tagOf(item, GENERATION_TAG),
      ].join(' ');
      const before = seen.get(slot);
      if (before && before.id !== item.id) this.duplicates.set(slot, `${before.id} and ${item.id}`);
      seen.set(slot, item);
    }
  }

  #noteCalls(calls: readonly SimulatedCall[]): void {
    const [first] = calls;
    if (first && this.#lastCallAt !== undefined && first.at > this.#lastCallAt)
      this.gaps.push(`${this.#lastCallAt} to ${first.at}`);
    this.#lastCallAt = calls.at(-1)?.at ?? this.#lastCallAt;
    const alike = new Map<string, number>();
    for (const call of calls) {
      const key = JSON.stringify([call.at, call.service, call.operation, call.accountId, call.parameters]);
      const nth = alike.get(key) ?? 0;
      alike.set(key, nth + 1);
      this.#calls.set(`${key} ${nth}`, call);
    }
  }
}
