import { performance } from 'node:perf_hooks';
import type { SecureContext } from 'node:tls';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { throwIfCancelled } from '../call-options';
import { readAnswer } from './answer';
import type { Authorities } from './authorities';
import { ConnectionPool } from './connection-pool';
import { parseEndpoint } from './endpoint';
import { exchange, StaleConnection } from './exchange';
import type { RawAnswer } from './exchange';
import { openConnection } from './open-connection';
import { cleanText } from './operator-text';
import { ProxyCallFailed } from './proxy-call-failed';
import { createSystemResolver } from './resolve-name';
import type { Resolve } from './resolve-name';
import { findRoute } from './route';
import type { ConnectToRule } from './route';
import { signProxyRequest } from './sign';
import { startTimeLimit } from './time-limit';
import type { ProxyCallOptions, ProxyTarget } from './proxy-target';

/** Milliseconds that KMS allows a proxy for everything (`spec/xks.md` §1, Timing). */
const KMS_TIMEOUT_MS = 250;

/** One operation of the proxy API, as it goes over the wire. */
export interface ProxyCall<T> {
  operation: 'GetHealthStatus' | 'GetKeyMetadata' | 'Encrypt' | 'Decrypt';
  /** below the store's URI path: `/health` */
  subPath: string;
  /** sent as JSON */
  body: object;
  /** of the good answer */
  answer: z.ZodType<T>;
  /** whether this operation wants a connection of its own, unless the caller says otherwise */
  freshConnection: boolean;
}

/** Makes one call, with its repeat. @throws ProxyCallFailed; the reason of a cancelled signal */
export type CallProxy = <T>(
  target: ProxyTarget,
  call: ProxyCall<T>,
  options?: ProxyCallOptions,
) => Promise<T>;

/** What a caller needs to know of the world. */
export interface ProxyCallerConfig {
  region: string;
  connectTo?: readonly ConnectToRule[];
  simulatorUrl?: string;
  timeoutMs?: number;
  resolve?: Resolve;
  logger?: Logger;
}

/**
 * The way that all four operations go: look up, connect, sign, send, read; and once more after a network time-out,
 * signed anew and with its own time (`spec/xks.md` §1, Timing).
 */
export function createProxyCaller(
  config: ProxyCallerConfig,
  authorities: Authorities,
): { call: CallProxy; close(): void } {
  const pool = new ConnectionPool();
  const sources = {
    connectTo: config.connectTo ?? [],
    ...(config.simulatorUrl === undefined ? {} : { simulatorUrl: config.simulatorUrl }),
    resolve: config.resolve ?? createSystemResolver(),
  };

  /** One try, from the look-up of the name to the last byte of the answer. It notes whom it trusted. */
  async function attempt<T>(
    target: ProxyTarget,
    call: ProxyCall<T>,
    options: ProxyCallOptions,
    fresh: boolean,
    noted: { context?: SecureContext },
  ): Promise<T> {
    const { host, port, hostHeader } = parseEndpoint(target.endpoint);
    const limit = startTimeLimit(options.timeoutMs ?? config.timeoutMs ?? KMS_TIMEOUT_MS, options.signal);
    const path = `${target.path}${call.subPath}`;
    const body = JSON.stringify(call.body);
    const open = async () => {
      const [route, context] = await Promise.all([
        findRoute({ host, port, connectivity: target.connectivity }, sources, limit),
        authorities.context(limit.signal),
      ]);
      noted.context = context;
      return openConnection(route, { host, context }, limit.signal);
    };
    const send = async (pooled: boolean): Promise<RawAnswer> => {
      const signed = await signProxyRequest(
        { host: hostHeader, path, body },
        target.credential,
        config.region,
        new Date(),
      );
      return exchange(
        { path, headers: { host: hostHeader, 'content-type': 'application/json', ...signed }, body },
        { open, poolKey: `${target.connectivity} ${host}:${port}`, ...(pooled ? { pool } : {}) },
        limit.signal,
      );
    };
    try {
      let answer: RawAnswer;
      try {
        answer = await send(!fresh);
      } catch (error) {
        if (!(error instanceof StaleConnection)) throw error;
        // Others in the pool may have gone the same way.
        answer = await send(false);
      }
      return readAnswer(call.answer, answer, target.credential);
    } finally {
      limit.end();
    }
  }

  /** A try, and another one where the simulator turns out to have a new CA since it was last asked. */
  async function attemptTrusting<T>(
    target: ProxyTarget,
    call: ProxyCall<T>,
    options: ProxyCallOptions,
    fresh: boolean,
  ): Promise<T> {
    const noted: { context?: SecureContext } = {};
    try {
      return await attempt(target, call, options, fresh, noted);
    } catch (error) {
      if (!(error instanceof ProxyCallFailed) || error.outcome !== 'tls-failed') throw error;
      const limit = startTimeLimit(config.timeoutMs ?? KMS_TIMEOUT_MS, options.signal);
      try {
        if (!(await authorities.refresh(noted.context, limit.signal))) throw error;
      } finally {
        limit.end();
      }
      return attempt(target, call, options, true, noted);
    }
  }

  async function logged<T>(target: ProxyTarget, call: ProxyCall<T>, make: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      return await make();
    } catch (error) {
      if (!(error instanceof ProxyCallFailed)) throw error;
      const failure = new ProxyCallFailed(
        error.outcome,
        `${call.operation} of ${cleanText(target.endpoint)}${cleanText(target.path)}: ${error.message}`,
        error,
      );
      config.logger?.debug(
        {
          operation: call.operation,
          outcome: failure.outcome,
          durationMs: Math.round(performance.now() - startedAt),
        },
        failure.message,
      );
      throw failure;
    }
  }

  return {
    async call(target, call, options = {}) {
      throwIfCancelled(options.signal);
      const fresh = options.freshConnection ?? call.freshConnection;
      let first: ProxyCallFailed;
      try {
        return await logged(target, call, () => attemptTrusting(target, call, options, fresh));
      } catch (error) {
        throwIfCancelled(options.signal);
        const repeat =
          (options.repeat ?? true) &&
          error instanceof ProxyCallFailed &&
          error.networkTimeout &&
          options.signal?.aborted !== true;
        if (!repeat) throw error;
        first = error;
      }
      try {
        // A kept connection may be one whose other end is gone without a word.
        return await logged(target, call, () => attemptTrusting(target, call, options, true));
      } catch (error) {
        throwIfCancelled(options.signal);
        // A repeat that the caller's deadline cuts short tells less than the try before it, which had all its time.
        throw options.signal?.aborted === true ? first : error;
      }
    },
    close() {
      pool.destroy();
    },
  };
}
