import { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import type { ConnectionOptions } from '@temporalio/client';

/** Where Temporal is: what `@temporalio/envconfig` read from `TEMPORAL_*`. */
export interface TemporalConfig {
  connection: ConnectionOptions;
  namespace: string;
}

/** A client of Temporal that connects on first use and by itself again after an outage. */
export interface Temporal {
  client: Client;
  /** Runs calls of the client with a deadline, milliseconds from now. */
  withDeadline<T>(timeoutMs: number, calls: () => Promise<T>): Promise<T>;
  /** Whether the server answers within `timeoutMs`. Never throws. */
  check(timeoutMs: number): Promise<boolean>;
  /** Waits for calls under way, no longer than their deadlines, and closes. */
  close(): Promise<void>;
}

/**
 * The client's own ten tries go on for seconds after a call's deadline. Four take less than a second; whoever calls
 * has a patience of their own.
 */
const RETRY = defaultGrpcRetryOptions({ maxAttempts: 4 });

/**
 * Pauses between two tries to reconnect, milliseconds. Left to itself the channel pauses for up to two minutes, and
 * after a long outage of Temporal's nobody would notice its return for as long.
 */
const RECONNECT = { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 2_000 };

/** Opens a client. Does not wait for the server: that it is away shows at the first call. */
export function openTemporal(config: TemporalConfig): Temporal {
  const connection = Connection.lazy({
    ...config.connection,
    channelArgs: { ...RECONNECT, ...config.connection.channelArgs },
    interceptors: [makeGrpcRetryInterceptor(RETRY)],
  });
  const client = new Client({ connection, namespace: config.namespace });
  const inFlight = new Set<Promise<unknown>>();
  const withDeadline = <T>(timeoutMs: number, calls: () => Promise<T>): Promise<T> => {
    const running = connection.withDeadline(Date.now() + timeoutMs, calls);
    inFlight.add(running);
    const done = (): boolean => inFlight.delete(running);
    running.then(done, done);
    return running;
  };
  return {
    client,
    withDeadline,
    async check(timeoutMs) {
      // The deadline of a call does not cover the first connection, so the clock here runs beside it.
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<false>((resolve) => {
        timer = setTimeout(() => resolve(false), timeoutMs);
      });
      const answered = withDeadline(timeoutMs, () => connection.workflowService.getSystemInfo({})).then(
        () => true,
        () => false,
      );
      try {
        return await Promise.race([answered, late]);
      } finally {
        clearTimeout(timer);
      }
    },
    async close() {
      // A call that is about to be retried on a closed connection would throw where nobody can catch it.
      await Promise.allSettled(inFlight);
      await connection.close();
    },
  };
}
