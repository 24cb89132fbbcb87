import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'pg';

interface Waiting {
  state: string;
  resolve: () => void;
  reject: (error: Error) => void;
  until: number;
}

/** So often the table is looked at: what is measured with it is at most so much too long. */
const LOOK_EVERY_MS = 3;
const LONGEST_WAIT_MS = 120_000;

/** Waits for states of key stores, of many with one query: a caller that polls Describe would weigh on the API. */
export class StateWatch {
  readonly #client: Client;
  readonly #waiting = new Map<string, Waiting>();
  #looking: Promise<void> | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Resolves when the store is in this state; rejects when it is FAILED, or after two minutes. */
  until(storeId: string, state: 'CONNECTED' | 'DISCONNECTED'): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(storeId, { state, resolve, reject, until: Date.now() + LONGEST_WAIT_MS });
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined;
      });
    });
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  async #look(): Promise<void> {
    while (this.#waiting.size > 0) {
      try {
        const { rows } = await this.#client.query<{ id: string; state: string; code: string | null }>({
          name: 'watch',
          text: `SELECT id, connection_state AS state, connection_error_code AS code
                 FROM custom_key_stores WHERE id = ANY($1)`,
          values: [[...this.#waiting.keys()]],
        });
        for (const row of rows) this.#settle(row);
      } catch (error) {
        for (const { reject } of this.#waiting.values()) reject(error as Error);
        this.#waiting.clear();
      }
      await pause(LOOK_EVERY_MS);
    }
  }

  #settle({ id, state, code }: { id: string; state: string; code: string | null }): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    if (state === waiting.state) waiting.resolve();
    else if (state === 'FAILED') waiting.reject(new Error(`${id} FAILED with ${String(code)}`));
    else if (Date.now() > waiting.until) waiting.reject(new Error(`${id} is ${state}, not ${waiting.state}`));
    else return;
    this.#waiting.delete(id);
  }
}
