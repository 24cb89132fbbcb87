import { z } from 'zod';
import { EKM_HEALTH } from '../behaviours';
import { xksOperation } from '../operation';
import { healthMetadata } from '../request-members';

const EXTERNAL_KEY_MANAGERS = ['ekm-1', 'ekm-2'];

/** How the external key managers are. */
export const getHealthStatus = xksOperation({
  parameters: z.object({ requestMetadata: healthMetadata }),
  run: ({ behaviour }) => ({
    xksProxyFleetSize: 1,
    xksProxyVendor: 'Keymoor',
    xksProxyModel: 'Keymoor simulated XKS proxy 1',
    ekmVendor: 'Keymoor',
    ekmFleetDetails: EXTERNAL_KEY_MANAGERS.map((id) => ({
      id,
      model: 'Keymoor simulated key manager 1',
      healthStatus: EKM_HEALTH[behaviour] ?? 'ACTIVE',
    })),
  }),
});
