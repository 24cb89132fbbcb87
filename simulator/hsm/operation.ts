import type { z } from 'zod';
import type { Cluster, Hsm } from '../world/types';
import type { Environment } from '../world/environment';

/** A connection after its `Connect`. */
export interface HsmSession {
  hsm: Hsm;
  cluster: Cluster;
  /** the key store on whose behalf the connector speaks */
  owner: string;
}

/** An operation of docs/simulated-hsm-protocol.md, but `Connect`. */
export interface HsmOperation<P = unknown> {
  parameters: z.ZodType<P>;
  /** time it takes at pace 1, in ms */
  takes: readonly [shortest: number, longest: number];
  /** The result, or throws `SimulatedError` with one of the protocol's codes. */
  run(environment: Environment, session: HsmSession, parameters: P): object;
}

/** Ties the type of the parameters to their schema. */
export function hsmOperation<P>(operation: HsmOperation<P>): HsmOperation {
  return operation as HsmOperation;
}
