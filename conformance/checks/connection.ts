import { CheckFailed } from '../check-failed';
import type { Conversation } from '../conversation';
import { patienceMs } from '../proxy-under-test';
import { handshake } from '../tls-handshake';
import type { Handshake } from '../tls-handshake';
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
  const { offers, problem, withoutHandshake } = TLS_RULES[rule];
  let why = '';
  let made: Handshake | undefined;
  for (const offer of offers) {
    try {
      made ??= await handshake(target, offer, patienceMs(conversation.proxy), conversation.signal);
    } catch (error) {
      conversation.signal.throwIfAborted();
      why = error instanceof Error ? error.message : String(error);
    }
  }
  const found = made === undefined ? withoutHandshake(why) : problem(made, target.host);
  if (found !== undefined) throw new CheckFailed(found);
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
