import { z } from 'zod';
import { keyOf } from '../keys';
import { xksOperation } from '../operation';
import { keyMetadata } from '../request-members';

/** What a key is and may do; a disabled one is described like any other. */
export const getKeyMetadata = xksOperation({
  parameters: z.object({ requestMetadata: keyMetadata }),
  run(proxy, keyId) {
    const { keySpec, keyUsage, keyStatus } = keyOf(proxy, keyId);
    return { keySpec, keyUsage, keyStatus };
  },
});
