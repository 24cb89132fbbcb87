import { SimulatedError } from '../simulated-error';

/** An error of the EC2 API, by its code. */
export function ec2Error(code: string, message: string): SimulatedError {
  return new SimulatedError(code, message);
}

/** Status of codes that are not answered by 400. */
const STATUS: Record<string, number> = {
  InternalError: 500,
  InternalFailure: 500,
  ServiceUnavailable: 503,
  Unavailable: 503,
  RequestLimitExceeded: 503,
  InsufficientCapacity: 503,
  UnauthorizedOperation: 403,
  AuthFailure: 401,
  DryRunOperation: 412,
};

/** HTTP status of an error. */
export function statusOf(error: SimulatedError): number {
  return error.status ?? STATUS[error.code] ?? 400;
}
