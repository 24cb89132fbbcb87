import type { z } from 'zod';
import type { XksProxy } from '../world/xks-types';

/** An operation of the XKS proxy API (`spec/xks.md` §2). */
export interface XksOperation<P = unknown> {
  /** of the request's body */
  parameters: z.ZodType<P>;
  /** The body of the answer, or throws `SimulatedError` with an error name of the API. `keyId` is empty for a health check. */
  run(proxy: XksProxy, keyId: string, parameters: P): object;
}

/** Ties the type of the parameters to their schema. */
export function xksOperation<P>(operation: XksOperation<P>): XksOperation {
  return operation as XksOperation;
}
