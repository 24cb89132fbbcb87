import { Agent } from 'node:http';
import { throwIfCancelled } from '../call-options';
import { HsmFailure } from './hsm-login';
import type {
  HsmConnectOptions,
  HsmConnection,
  HsmFailureReason,
  HsmLogin,
  HsmTarget,
  HsmUser,
} from './hsm-login';
import { JsonLineChannel } from './json-line-channel';
import type { JsonLineAnswer } from './json-line-channel';
import { findSimulatorRoute } from './simulator-route';
import { connectTrusted } from './trusted-tls';

/** Where the simulated world is. */
export interface SimulatorHsmLoginConfig {
  simulatorUrl: string;
  /** milliseconds per connect and per request, unless the call says otherwise; default 5000 */
  timeoutMs?: number;
}

/** Idle connections to the simulator are dropped before it drops them. */
const IDLE_CONNECTION_MS = 4_000;

/** Logs in to the simulator's HSMs as docs/simulated-hsm-protocol.md says. */
export function createSimulatorHsmLogin(config: SimulatorHsmLoginConfig): HsmLogin {
  // An idle keep-alive socket does not hold the process.
  const agent = new Agent({ keepAlive: true, timeout: IDLE_CONNECTION_MS });
  return {
    reach: 'one-hsm',
    keepsSessions: true,
    async connect(target: HsmTarget, options: HsmConnectOptions = {}): Promise<HsmConnection> {
      throwIfCancelled(options.signal);
      const timeoutMs = options.timeoutMs ?? config.timeoutMs ?? 5_000;
      const name = `HSM ${target.hsmId} of ${target.clusterId}`;
      const deadline = Date.now() + timeoutMs;
      const until = new AbortController();
      const giveUp = () => until.abort();
      const timer = setTimeout(giveUp, timeoutMs);
      if (options.signal?.aborted === true) giveUp();
      options.signal?.addEventListener('abort', giveUp, { once: true });
      try {
        const route = await findSimulatorRoute(config.simulatorUrl, { ...target, name }, agent, until.signal);
        const socket = await connectTrusted({ ...route, ...target, name }, until.signal);
        const channel = new JsonLineChannel(socket, name, timeoutMs, options.signal);
        await introduce(channel, target, name, Math.max(1, deadline - Date.now()));
        options.onStage?.(`${name} answers, and its certificate is the cluster's`);
        return connection(channel, name);
      } catch (error) {
        throwIfCancelled(options.signal);
        throw error;
      } finally {
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', giveUp);
      }
    },
  };
}

/** The first request of every connection. It changes nothing, so that its loss is no more than an unreachable HSM. */
async function introduce(
  channel: JsonLineChannel,
  target: HsmTarget,
  name: string,
  timeoutMs: number,
): Promise<void> {
  try {
    const members = { owner: target.owner, securityGroupId: target.securityGroupId };
    const result = resultOf(await channel.request('Connect', members, timeoutMs), 'Connect', name);
    if (result['clusterId'] !== target.clusterId || result['hsmId'] !== target.hsmId)
      throw new HsmFailure(
        'unreachable',
        `${name}: another HSM has its address now; look the cluster up again`,
      );
  } catch (error) {
    channel.close();
    if (error instanceof HsmFailure && error.reason === 'no-answer')
      throw new HsmFailure(
        'unreachable',
        `${name}: it dropped or did not answer the connection; check the network interfaces of ${target.securityGroupId} in the cluster's subnets`,
      );
    throw error;
  }
}

function connection(channel: JsonLineChannel, name: string): HsmConnection {
  const ask = async (operation: string, members: object): Promise<Readonly<Record<string, unknown>>> =>
    resultOf(await channel.request(operation, members), operation, name);
  return {
    changeIsATry: false,
    async listUsers() {
      return toUsers((await ask('ListUsers', {}))['users'], name);
    },
    async login(username, password) {
      const { sessionId } = await ask('Login', { username, password });
      if (typeof sessionId !== 'string') throw unreadable('Login', name);
      return sessionId;
    },
    async changePassword({ sessionId, username, newPassword }) {
      if (sessionId === undefined) throw new HsmFailure('session-ended', `${name}: no session is kept`);
      await ask('ChangePassword', { sessionId, username, newPassword });
    },
    async logout(sessionId) {
      await ask('Logout', sessionId === undefined ? {} : { sessionId });
    },
    close() {
      channel.close();
    },
  };
}

/** The HSM's error codes, what they mean, and what an operator does about them. */
const FAILURES: Readonly<Record<string, { reason: HsmFailureReason; message: string }>> = {
  WRONG_PASSWORD: {
    reason: 'wrong-password',
    message:
      "the password of kmsuser is not the one that the key store knows; update the store's KeyStorePassword",
  },
  USER_LOCKED_OUT: {
    reason: 'locked-out',
    message:
      "kmsuser is locked after too many wrong passwords; set a new password for it in the cluster and update the store's KeyStorePassword",
  },
  USER_NOT_FOUND: {
    reason: 'user-not-found',
    message: 'there is no crypto user kmsuser; create it on every HSM of the cluster',
  },
  USER_LOGGED_IN: {
    reason: 'logged-in-elsewhere',
    message: 'kmsuser is logged in somewhere else; log it out',
  },
  SESSION_ENDED: { reason: 'session-ended', message: 'the login session has ended; log in again' },
  INVALID_PASSWORD: { reason: 'invalid-password', message: 'it does not take the new password' },
};

function resultOf(
  answer: JsonLineAnswer,
  operation: string,
  name: string,
): Readonly<Record<string, unknown>> {
  if ('error' in answer) {
    const known = Object.hasOwn(FAILURES, answer.error.code) ? FAILURES[answer.error.code] : undefined;
    if (known !== undefined) throw new HsmFailure(known.reason, `${name}: ${known.message}`);
    // Only the code: what an HSM writes into a text is not known to be free of secrets.
    throw new HsmFailure('hsm-error', `${name}: ${operation} failed with ${safeCode(answer.error.code)}`);
  }
  if (typeof answer.result !== 'object' || answer.result === null) throw unreadable(operation, name);
  return answer.result as Readonly<Record<string, unknown>>;
}

function safeCode(code: string): string {
  return /^[A-Z0-9_]{1,64}$/.test(code) ? code : 'an unknown error';
}

function unreadable(operation: string, name: string): HsmFailure {
  return new HsmFailure(
    'no-answer',
    `${name}: ${operation} was answered unreadably; whether it was done is not known`,
  );
}

function toUsers(users: unknown, name: string): HsmUser[] {
  if (!Array.isArray(users)) throw unreadable('ListUsers', name);
  return users.map((user: unknown) => {
    const { username, type } = (user ?? {}) as { username?: unknown; type?: unknown };
    if (typeof username !== 'string' || typeof type !== 'string') throw unreadable('ListUsers', name);
    return { username, type };
  });
}
