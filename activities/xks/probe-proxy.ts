import { randomUUID } from 'node:crypto';
import { probeProxy as probe } from '../../clients/xks/probe-proxy';
import { requestIdOf } from '../../database/queries/operations';
import { loadXksCredential } from '../../database/queries/xks-credentials';
import type { Dependencies } from '../dependencies';
import type { StepContext } from '../run-step';
import { finalFailure } from '../step-failure';
import { externalStoreOf } from '../store-of';

/**
 * Asks the proxy for its health, as KMS does at Connect: a fresh connection, 250 ms a request, one repeat on a network
 * time-out. Ends with the code that `keystore/xks-proxy-outcome.ts` gives to what came of it. Reads only.
 */
export async function probeProxy(deps: Dependencies, step: StepContext): Promise<void> {
  const { id, xksProxy } = externalStoreOf(step);
  const [credential, requestId] = await Promise.all([
    loadXksCredential(deps.database.pool, deps.secrets, id),
    requestIdOf(deps.database.pool, step.input),
  ]);
  if (!credential) throw finalFailure('INTERNAL_ERROR', `Key store ${id} has no credential any more.`);
  const target = {
    endpoint: xksProxy.uriEndpoint,
    path: xksProxy.uriPath,
    credential,
    connectivity: xksProxy.connectivity,
  };
  await probe(
    deps.xks,
    target,
    { kmsRequestId: requestId ?? randomUUID(), kmsOperation: 'ConnectCustomKeyStore' },
    { signal: step.signal },
  );
}
