import { SimulatedError } from '../simulated-error';

export function invalidRequest(message: string): SimulatedError {
  return new SimulatedError('CloudHsmInvalidRequestException', message);
}

export function resourceNotFound(message: string): SimulatedError {
  return new SimulatedError('CloudHsmResourceNotFoundException', message);
}

/** HTTP status of an exception: 500 for the service's own failures, 400 for everything else, throttling too. */
export function statusOf(error: SimulatedError): number {
  return error.status ?? (/InternalFailure|InternalError/.test(error.code) ? 500 : 400);
}
