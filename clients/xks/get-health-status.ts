import { z } from 'zod';
import type { CallProxy } from './proxy-call';
import type { ProxyCallOptions, ProxyTarget } from './proxy-target';

/** Members of GetHealthStatus (`spec/xks.md` §2, requestMetadata); KMS sends nothing else. */
export interface HealthStatusRequest {
  requestMetadata: {
    kmsRequestId: string;
    /** `CreateCustomKeyStore`, `UpdateCustomKeyStore`, `ConnectCustomKeyStore`, `KmsHealthCheck` */
    kmsOperation: string;
  };
}

const HEALTH_STATUS = z.object({
  xksProxyFleetSize: z.int().positive(),
  xksProxyVendor: z.string(),
  xksProxyModel: z.string(),
  ekmVendor: z.string(),
  ekmFleetDetails: z
    .array(
      z.object({
        id: z.string(),
        model: z.string(),
        /** DEGRADED still serves */
        healthStatus: z.enum(['ACTIVE', 'DEGRADED', 'UNAVAILABLE']),
      }),
    )
    .min(1)
    .max(10),
});

/** A proxy's answer: how many instances it has, and how its external key managers are. */
export type HealthStatus = z.infer<typeof HEALTH_STATUS>;

/** GetHealthStatus (`spec/xks.md` §2), on a connection of its own unless asked otherwise. @throws ProxyCallFailed */
export function getHealthStatus(
  call: CallProxy,
  target: ProxyTarget,
  request: HealthStatusRequest,
  options?: ProxyCallOptions,
): Promise<HealthStatus> {
  return call(
    target,
    {
      operation: 'GetHealthStatus',
      subPath: '/health',
      body: { requestMetadata: request.requestMetadata },
      answer: HEALTH_STATUS,
      freshConnection: true,
    },
    options,
  );
}
