import type { z } from 'zod';
import type { Environment } from '../world/environment';

/** An operation of the CloudHSM v2 API. */
export interface CloudHsmOperation<P = unknown> {
  parameters: z.ZodType<P>;
  /** The answer's members, or throws `SimulatedError` with one of the model's exceptions. */
  run(environment: Environment, accountId: string, parameters: P): object | Promise<object>;
}

/** Ties the type of the parameters to their schema. */
export function cloudHsmOperation<P>(operation: CloudHsmOperation<P>): CloudHsmOperation {
  return operation as CloudHsmOperation;
}
