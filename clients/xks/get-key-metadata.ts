import { z } from 'zod';
import { keyPath } from './key-path';
import type { CallProxy } from './proxy-call';
import type { KeyRequestMetadata } from './request-metadata';
import type { ProxyCallOptions, ProxyTarget } from './proxy-target';

/** Members of GetKeyMetadata. */
export interface KeyMetadataRequest {
  requestMetadata: KeyRequestMetadata;
}

const KEY_METADATA = z.object({
  keySpec: z.string().min(1),
  keyUsage: z.array(z.string()).max(10),
  keyStatus: z.enum(['ENABLED', 'DISABLED']),
});

/** What a proxy tells of an external key. Whether KMS can use such a key is for the asker to judge. */
export type KeyMetadata = z.infer<typeof KEY_METADATA>;

/** GetKeyMetadata (`spec/xks.md` §2). @throws ProxyCallFailed; RangeError for a key id that KMS would not take */
export async function getKeyMetadata(
  call: CallProxy,
  target: ProxyTarget,
  keyId: string,
  request: KeyMetadataRequest,
  options?: ProxyCallOptions,
): Promise<KeyMetadata> {
  return call(
    target,
    {
      operation: 'GetKeyMetadata',
      subPath: keyPath(keyId, 'metadata'),
      body: { requestMetadata: request.requestMetadata },
      answer: KEY_METADATA,
      freshConnection: false,
    },
    options,
  );
}
