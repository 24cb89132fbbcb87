import type { Logger } from 'pino';
import type { z } from 'zod';
import type { CustomKeyStore } from '../keystore/custom-key-store';
import type { KmsExceptionName } from '../keystore/kms-exceptions';
import type { Caller } from './chain/authenticate';
import type { Services } from './services';

/** Everything a handler knows about the call besides its input, and what it tells of it besides its output. */
export interface Call {
  caller: Caller;
  /** uuid, also in the answer's `x-amzn-RequestId` */
  requestId: string;
  logger: Logger;
  services: Services;
  /**
   * The store that the call is about, set by the handler as soon as it has found it: the audit log names it, also where
   * the call is refused or fails later on.
   */
  store?: CustomKeyStore;
}

/**
 * The schema of each member of a request type of `@aws-sdk/client-kms`: a member that the SDK gains, loses or retypes
 * is a compile error in the operation's file (`satisfies MembersOf<…>`).
 */
export type MembersOf<Request> = { [Member in keyof Required<Request>]: z.ZodType<Request[Member]> };

/** One operation of the KMS endpoint. */
export interface Operation<Input, Output extends object> {
  /** as in `X-Amz-Target: TrentService.<name>` and in `kms:<name>` */
  name: string;
  /** the model's constraints; what depends on several members together is the handler's (D5) */
  schema: z.ZodType<Input>;
  /** the exceptions of the operation's model (`spec/kms.md` §2); the handler can send no other but the common ones */
  declaredErrors: readonly KmsExceptionName[];
  handler: (input: Input, call: Call) => Promise<Output>;
}

/** An operation as the chain sees it: what its schema lets through goes into its handler. */
export interface AnyOperation {
  name: string;
  schema: z.ZodType;
  declaredErrors: readonly KmsExceptionName[];
  invoke: (input: unknown, call: Call) => Promise<object>;
}

/**
 * Defines an operation. The type arguments are the request and response of `@aws-sdk/client-kms`; the schema's output
 * has to fit the one and the handler's result the other.
 */
export function defineOperation<Request extends object, Response extends object>() {
  return <Input extends Request>(operation: Operation<Input, Response>): AnyOperation => ({
    name: operation.name,
    schema: operation.schema,
    declaredErrors: operation.declaredErrors,
    // The chain calls this only with what `schema` has returned.
    invoke: (input, call) => operation.handler(input as Input, call),
  });
}
