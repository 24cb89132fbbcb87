import { KmsException } from '../../keystore/kms-exceptions';
import type { AnyOperation } from '../operation';

const TARGET_PREFIX = 'TrentService.';

/** The operation that `X-Amz-Target` names. Throws `UnknownOperationException` where it names none of ours. */
export function routeRequest(
  target: string | string[] | undefined,
  operations: ReadonlyMap<string, AnyOperation>,
): AnyOperation {
  if (typeof target !== 'string' || target === '') {
    throw new KmsException(
      'UnknownOperationException',
      'The request names no operation: the header X-Amz-Target is missing.',
    );
  }
  const operation = target.startsWith(TARGET_PREFIX)
    ? operations.get(target.slice(TARGET_PREFIX.length))
    : undefined;
  if (!operation) {
    throw new KmsException(
      'UnknownOperationException',
      'The operation that X-Amz-Target names is not known, or not available in this version.',
    );
  }
  return operation;
}
