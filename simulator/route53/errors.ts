import { SimulatedError } from '../simulated-error';

/** An error of the Route 53 API, by its code. */
export function route53Error(code: string, message: string): SimulatedError {
  return new SimulatedError(code, message);
}

/** Status of codes that are not answered by 400, as the API's model has them. */
const STATUS: Record<string, number> = {
  HostedZoneAlreadyExists: 409,
  NoSuchHostedZone: 404,
  NoSuchChange: 404,
  NoSuchHealthCheck: 404,
  UnknownOperationException: 404,
  AccessDenied: 403,
  AccessDeniedException: 403,
  InternalFailure: 500,
  InternalError: 500,
  ServiceUnavailable: 503,
};

/** HTTP status of an error. */
export function statusOf(error: SimulatedError): number {
  return error.status ?? STATUS[error.code] ?? 400;
}
