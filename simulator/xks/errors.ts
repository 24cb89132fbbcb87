import { SimulatedError } from '../simulated-error';

/** Error names of the XKS proxy API with their HTTP status (`spec/xks.md` §2, "Errors from the proxy"). */
const STATUS: Record<string, number> = {
  ValidationException: 400,
  InvalidStateException: 400,
  InvalidCiphertextException: 400,
  InvalidKeyUsageException: 400,
  AuthenticationFailedException: 401,
  AccessDeniedException: 403,
  KeyNotFoundException: 404,
  InvalidUriPathException: 404,
  ThrottlingException: 429,
  InternalException: 500,
  UnsupportedOperationException: 501,
  DependencyTimeoutException: 503,
};

/** `errorMessage` has less than 512 characters, all of them printable ASCII. */
const LONGEST_MESSAGE = 511;
const NOT_PRINTABLE = /[^\x20-\x7e]/g;

/** An error of a proxy, by its name. */
export function xksError(name: string, message: string): SimulatedError {
  return new SimulatedError(name, message);
}

/** HTTP status of an error; 500 for a name that is not the specification's. */
export function statusOf(error: SimulatedError): number {
  return error.status ?? STATUS[error.code] ?? 500;
}

/** The body that tells of an error. */
export function errorBody(error: SimulatedError): { errorName: string; errorMessage: string } {
  const errorMessage = error.message.replace(NOT_PRINTABLE, '?').slice(0, LONGEST_MESSAGE);
  return { errorName: error.code, errorMessage };
}
