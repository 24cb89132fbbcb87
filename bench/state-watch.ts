import type { Client } from 'pg';

interface Waiting {
  state: string;
  resolve: () => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

type Watched = 'CONNECTED' | 'DISCONNECTED';

const LONGEST_WAIT_MS = 120_000;
const CHANNEL = 'bench_state';

/** Tells of every store that comes to rest. What is accepted (CONNECTING, DISCONNECTING) it leaves alone: that is measured, too. */
const TRIGGER = `
  CREATE FUNCTION bench_tell_state() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM pg_notify('${CHANNEL}', concat_ws(' ', NEW.id, NEW.connection_state, NEW.connection_error_code));
    RETURN NULL;
  END $$;
  CREATE TRIGGER bench_tell_state AFTER UPDATE OF connection_state ON custom_key_stores FOR EACH ROW
  WHEN (NEW.connection_state IN ('CONNECTED', 'DISCONNECTED', 'FAILED')
    AND NEW.connection_state IS DISTINCT FROM OLD.connection_state)
  EXECUTE FUNCTION bench_tell_state()`;

/**
 * Waits for states of key stores: the database tells of them when they are committed. A caller that polls, Describe or
 * the table, would take the CPU that is measured.
 */
export class StateWatch {
  readonly #client: Client;
  readonly #waiting = new Map<string, Waiting>();

  private constructor(client: Client) {
    this.#client = client;
    client.on('notification', ({ payload = '' }) => {
      const [id = '', state = '', code = ''] = payload.split(' ');
      this.#settle(id, state, code);
    });
    client.on('error', (error) => {
      for (const id of [...this.#waiting.keys()]) this.#end(id)?.reject(error);
    });
  }

  /** Watches the client's database, of which it is the only watch; the client is its own from now on. */
  static async open(client: Client): Promise<StateWatch> {
    await client.query(TRIGGER);
    await client.query(`LISTEN ${CHANNEL}`);
    return new StateWatch(client);
  }

  /** Resolves when the store is in this state; rejects when it is FAILED, or after two minutes. One wait at a time for a store. */
  until(storeId: string, state: Watched): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#end(storeId)?.reject(new Error(`${storeId} does not become ${state}`));
      }, LONGEST_WAIT_MS);
      this.#waiting.set(storeId, { state, resolve, reject, timer });
      // It may have come to rest before anybody waited.
      this.#look(storeId).catch((error: unknown) => this.#end(storeId)?.reject(error as Error));
    });
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  async #look(storeId: string): Promise<void> {
    const { rows } = await this.#client.query<{ state: string; code: string | null }>({
      name: 'look',
      text: `SELECT connection_state AS state, connection_error_code AS code FROM custom_key_stores WHERE id = $1`,
      values: [storeId],
    });
    for (const { state, code } of rows) this.#settle(storeId, state, code ?? '');
  }

  #settle(id: string, state: string, code: string): void {
    if (this.#waiting.get(id)?.state === state) this.#end(id)?.resolve();
    else if (state === 'FAILED') this.#end(id)?.reject(new Error(`${id} FAILED with ${code}`));
  }

  #end(id: string): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    clearTimeout(waiting?.timer);
    this.#waiting.delete(id);
    return waiting;
  }
}
