import { CheckFailed } from '../check-failed';
import type { Conversation } from '../conversation';
import { patienceMs } from '../proxy-under-test';
import { handshake } from '../tls-handshake';
import type { Handshake, HandshakeOffer } from '../tls-handshake';
import { TLS_RULES } from '../tls-rules';
import type { TlsRule } from '../tls-rules';
import { keepingAgent } from '../wire';

/** Whether anything comes back over HTTPS, whatever it is. */
export async function checkReachable(conversation: Conversation): Promise<void> {
  await conversation.send({ operation: 'health' });
}

/** One rule about the TLS handshake and its certificate. */
export async function checkTls(conversation: Conversation, { rule }: { rule: TlsRule }): Promise<void> {
  const { target } = conversation.proxy;
  const { offers, problem, withoutHandshake, needs } = TLS_RULES[rule];
  if (needs) {
    const { why } = await firstHandshake(conversation, [needs]);
    if (why !== undefined) throw new CheckFailed(`no TLS connection came up at all (${why})`);
  }
  const { made, why } = await firstHandshake(conversation, offers);
  const found = made === undefined ? withoutHandshake(why ?? '') : problem(made, target.host);
  if (found !== undefined) throw new CheckFailed(found);
}

/** The first of several handshakes that comes up, or why the last one did not. */
async function firstHandshake(
  { proxy, signal }: Conversation,
  offers: readonly HandshakeOffer[],
): Promise<{ made?: Handshake; why?: string }> {
  let why = '';
  for (const offer of offers) {
    try {
      return { made: await handshake(proxy.target, offer, patienceMs(proxy), signal) };
    } catch (error) {
      signal.throwIfAborted();
      why = error instanceof Error ? error.message : String(error);
    }
  }
  return { why };
}

/** Several requests one after another; a proxy may close the connection, but has to say so before. */
export async function checkKeptConnection(
  conversation: Conversation,
  { requests }: { requests: number },
): Promise<void> {
  const agent = keepingAgent();
  try {
    for (let sent = 0; sent < requests; sent++)
      await conversation.sendWell({ operation: 'health' }, { agent });
  } finally {
    agent.destroy();
  }
}
