import { randomUUID } from 'node:crypto';
import type { Fault } from '../world/types';
import type { World } from '../world/world';

/** So many used-up faults are remembered, so that deleting one twice or late is no error. */
const USED_UP_FAULTS = 1_000;

/** What a request is matched by. */
export interface Faultable {
  service: string;
  operation: string;
  accountId: string;
  /** whether a cluster, proxy, service or other id has to do with the request */
  concerns(resourceId: string): boolean;
}

/** What became of a request that waited for its fault to be deleted. */
export type Release = 'go-on' | 'drop';

/** The faults that a test has ordered, and the requests that wait for one to be deleted. */
export class FaultBoard {
  private readonly waiting = new Map<string, Set<(release: Release) => void>>();

  constructor(private readonly world: World) {}

  add(order: Omit<Fault, 'id' | 'sequence' | 'used' | 'accountId'> & { accountId?: string }): Fault {
    const fault: Fault = {
      ...order,
      accountId: order.accountId ?? '',
      id: randomUUID(),
      sequence: this.world.nextNumber('faults'),
      used: 0,
    };
    this.forgetUsedUp();
    this.world.faults.put(fault);
    return fault;
  }

  /** The fault that befalls a request, counted as used; the oldest that fits. */
  take(request: Faultable): Fault | undefined {
    if (this.world.faults.size === 0) return undefined;
    const fault = this.world.faults
      .all()
      .sort((one, other) => one.sequence - other.sequence)
      .find((candidate) => !isUsedUp(candidate) && fits(candidate, request));
    if (fault === undefined) return undefined;
    const used = { ...fault, used: fault.used + 1 };
    this.world.faults.put(used);
    return used;
  }

  /** Waits until the fault is deleted; at once when it already is. */
  untilDeleted(faultId: string): Promise<Release> {
    if (this.world.faults.get(faultId) === undefined) return Promise.resolve('go-on');
    return new Promise((resolve) => {
      const waiting = this.waiting.get(faultId) ?? new Set();
      waiting.add(resolve);
      this.waiting.set(faultId, waiting);
    });
  }

  /** False when there is none of that id. Requests that it held go on. */
  delete(faultId: string): boolean {
    if (this.world.faults.get(faultId) === undefined) return false;
    this.world.faults.delete(faultId);
    this.release(faultId, 'go-on');
    return true;
  }

  deleteAll(): void {
    for (const fault of this.world.faults.all()) this.delete(fault.id);
  }

  /** Lets every waiting request end undone: the world was forgotten, or the process stops. */
  dropWaiting(): void {
    for (const faultId of [...this.waiting.keys()]) this.release(faultId, 'drop');
  }

  private release(faultId: string, release: Release): void {
    const waiting = this.waiting.get(faultId);
    this.waiting.delete(faultId);
    for (const resolve of waiting ?? []) resolve(release);
  }

  private forgetUsedUp(): void {
    if (this.world.faults.size < USED_UP_FAULTS) return;
    const oldest = this.world.faults.all().find((fault) => isUsedUp(fault) && !this.waiting.has(fault.id));
    if (oldest !== undefined) this.world.faults.delete(oldest.id);
  }
}

function isUsedUp(fault: Fault): boolean {
  return fault.times > 0 && fault.used >= fault.times;
}

function fits(fault: Fault, request: Faultable): boolean {
  return (
    fault.service === request.service &&
    (fault.operation === '*' || fault.operation === request.operation) &&
    (fault.accountId === '' || fault.accountId === request.accountId) &&
    (fault.resourceId === undefined || request.concerns(fault.resourceId))
  );
}
