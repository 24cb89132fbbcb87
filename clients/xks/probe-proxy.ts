import type { HealthStatus } from './get-health-status';
import { cleanText } from './operator-text';
import { ProxyCallFailed } from './proxy-call-failed';
import type { ProxyCallOptions, ProxyTarget } from './proxy-target';
import type { XksProxyClient } from './xks-proxy';

/** On whose behalf a proxy is probed. */
export interface ProbeRequest {
  /** the KMS request's id; for a connect, that of the call that was accepted */
  kmsRequestId: string;
  kmsOperation: 'CreateCustomKeyStore' | 'UpdateCustomKeyStore' | 'ConnectCustomKeyStore';
}

/**
 * Asks for a proxy's health as KMS does before it creates, updates or connects a key store: on a fresh connection,
 * within 250 ms, once more after a network time-out. A proxy none of whose external key managers is available has
 * failed (`spec/xks.md` §2, GetHealthStatus; `spec/kms.md` §6).
 *
 * @throws ProxyCallFailed; the reason of a cancelled signal
 */
export async function probeProxy(
  client: XksProxyClient,
  target: ProxyTarget,
  request: ProbeRequest,
  options: Omit<ProxyCallOptions, 'freshConnection' | 'repeat'> = {},
): Promise<HealthStatus> {
  const { kmsRequestId, kmsOperation } = request;
  const status = await client.getHealthStatus(
    target,
    { requestMetadata: { kmsRequestId, kmsOperation } },
    { ...options, freshConnection: true, repeat: true },
  );
  if (status.ekmFleetDetails.some(({ healthStatus }) => healthStatus !== 'UNAVAILABLE')) return status;
  const ids = status.ekmFleetDetails.map(({ id }) => id).join(', ');
  throw new ProxyCallFailed(
    'all-unavailable',
    `GetHealthStatus of ${target.endpoint}${target.path}: all external key managers are UNAVAILABLE: ${cleanText(ids, target.credential)}; check them behind the proxy`,
    { httpStatus: 200 },
  );
}
