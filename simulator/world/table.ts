import type { WorldRecord } from './types';

/** Names of indexes, each with the keys under which a record is found. */
type Indexes<T> = Record<string, (record: T) => readonly string[]>;

/**
 * Records of one kind in memory, by id, by account and by further keys. Records are never changed in place:
 * `put` replaces, so that every change is noticed and written.
 */
export class Table<T extends WorldRecord, I extends string = never> {
  private readonly records = new Map<string, T>();
  private readonly indexes = new Map<string, Map<string, Set<string>>>();
  private readonly keysOf: Indexes<T>;

  constructor(
    readonly name: string,
    private readonly changed: (table: string, id: string) => void,
    keysOf: Record<I, (record: T) => readonly string[]>,
  ) {
    this.keysOf = { ...keysOf, account: (record) => [record.accountId] };
    for (const index of Object.keys(this.keysOf)) this.indexes.set(index, new Map());
  }

  get size(): number {
    return this.records.size;
  }

  get(id: string): T | undefined {
    return this.records.get(id);
  }

  /** All records in the order of their creation. */
  all(): T[] {
    return [...this.records.values()];
  }

  ofAccount(accountId: string): T[] {
    return this.lookUp('account', accountId);
  }

  find(index: I, key: string): T[] {
    return this.lookUp(index, key);
  }

  put(record: T): void {
    this.load(record);
    this.changed(this.name, record.id);
  }

  delete(id: string): void {
    if (!this.records.has(id)) return;
    this.unload(id);
    this.changed(this.name, id);
  }

  /** `put` without noticing: for what comes from disk. */
  load(record: T): void {
    const before = this.records.get(record.id);
    if (before !== undefined) this.removeFromIndexes(before);
    this.records.set(record.id, record);
    for (const [index, keys] of Object.entries(this.keysOf)) {
      const entries = this.indexes.get(index) as Map<string, Set<string>>;
      for (const key of keys(record)) {
        const ids = entries.get(key);
        if (ids === undefined) entries.set(key, new Set([record.id]));
        else ids.add(record.id);
      }
    }
  }

  /** `delete` without noticing. */
  unload(id: string): void {
    const before = this.records.get(id);
    if (before === undefined) return;
    this.removeFromIndexes(before);
    this.records.delete(id);
  }

  clear(): void {
    this.records.clear();
    for (const entries of this.indexes.values()) entries.clear();
  }

  private lookUp(index: string, key: string): T[] {
    const ids = this.indexes.get(index)?.get(key);
    return ids === undefined ? [] : [...ids].map((id) => this.records.get(id) as T);
  }

  private removeFromIndexes(record: T): void {
    for (const [index, keys] of Object.entries(this.keysOf)) {
      const entries = this.indexes.get(index) as Map<string, Set<string>>;
      for (const key of keys(record)) {
        const ids = entries.get(key);
        ids?.delete(record.id);
        if (ids?.size === 0) entries.delete(key);
      }
    }
  }
}
