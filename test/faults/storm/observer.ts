import { setTimeout as pause } from 'node:timers/promises';
import { GENERATION_TAG, STORE_TAG } from '../../../keystore/naming';
import type { Inventory, SimulatedCall } from '../../harness/simulator-control';
import type { SimulatedWorld } from './simulated-world';

/**
 * Looks at the simulated world all through a storm: what exists twice at any moment, and every call, of which the
 * simulator itself remembers only the last.
 */

const LOOK_EVERY_MS = 500;

interface Tagged {
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

function tag(item: Tagged, key: string): string {
  return item.tags.find(({ Key }) => Key === key)?.Value ?? '';
}

export class Observer {
  /** things of one kind, place and operation that were there at the same time */
  readonly duplicates = new Map<string, string>();
  readonly #calls = new Map<string, SimulatedCall>();
  readonly #world: SimulatedWorld;
  readonly #over = new AbortController();
  #running: Promise<void> | undefined;

  constructor(world: SimulatedWorld) {
    this.#world = world;
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
      if (round % 4 === 0) this.#noteCalls(await this.#world.ask((control) => control.allCalls()));
      await pause(LOOK_EVERY_MS, undefined, { signal: this.#over.signal }).catch(() => undefined);
    }
    this.#noteCalls(await this.#world.ask((control) => control.allCalls()));
  }

  #noteDuplicates(inventory: Inventory): void {
    const seen = new Map<string, Tagged>();
    for (const item of itemsOf(inventory)) {
      const slot = [
        item.kind,
        item.accountId,
        item.slot,
        tag(item, STORE_TAG),
        tag(item, GENERATION_TAG),
      ].join(' ');
      const before = seen.get(slot);
      if (before && before.id !== item.id) this.duplicates.set(slot, `${before.id} and ${item.id}`);
      seen.set(slot, item);
    }
  }

  #noteCalls(calls: readonly SimulatedCall[]): void {
    const alike = new Map<string, number>();
    for (const call of calls) {
      const key = JSON.stringify([call.at, call.service, call.operation, call.accountId, call.parameters]);
      const nth = alike.get(key) ?? 0;
      alike.set(key, nth + 1);
      this.#calls.set(`${key} ${nth}`, call);
    }
  }
}
