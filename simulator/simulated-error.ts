/**
 * A failure that the simulated side answers with; each protocol writes it in its own form. Anything else that is
 * thrown is a bug of the simulator and becomes an internal error with a line in the log.
 */
export class SimulatedError extends Error {
  constructor(
    /** the protocol's own code, such as `InvalidSubnetID.NotFound` */
    readonly code: string,
    message: string,
    /** HTTP status; the protocol's usual one for the code when it is not given */
    readonly status?: number,
  ) {
    super(message);
    this.name = 'SimulatedError';
  }
}
