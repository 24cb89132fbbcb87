import { probeProxy } from '../../clients/xks/probe-proxy';
import { ProxyCallFailed } from '../../clients/xks/proxy-call-failed';
import type { ProxyTarget } from '../../clients/xks/proxy-target';
import { KmsException } from '../../keystore/kms-exceptions';
import { XKS_PROXY_OUTCOMES } from '../../keystore/xks-proxy-outcome';
import type { Call } from '../operation';
import { keepFailedLook } from './failed-look';

/** For both tries together; each has 250 ms of its own. The caller waits. */
const TIMEOUT_MS = 1_500;

/** The operations that probe while their caller waits. */
export type ProbingOperation = 'CreateCustomKeyStore' | 'UpdateCustomKeyStore';

/**
 * Asks a proxy for its health as KMS does before it stores anything (`spec/kms.md` §6, "When KMS calls the proxy").
 * @throws KmsException the exception of the outcome (`keystore/xks-proxy-outcome.ts`); the reason is kept
 */
export async function probeForStore(
  call: Call,
  kmsOperation: ProbingOperation,
  target: ProxyTarget,
): Promise<void> {
  const { xks, patience } = call.services;
  try {
    await probeProxy(
      xks,
      target,
      { kmsRequestId: call.requestId, kmsOperation },
      { signal: AbortSignal.timeout(patience * TIMEOUT_MS) },
    );
  } catch (error) {
    if (!(error instanceof ProxyCallFailed)) throw error;
    await keepFailedLook(call, { outcome: error.outcome, message: error.message });
    const { exception, sentence } = XKS_PROXY_OUTCOMES[error.outcome];
    throw new KmsException(exception, sentence);
  }
}
