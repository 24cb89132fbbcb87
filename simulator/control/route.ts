import { z } from 'zod';
import type { CallLog } from '../call-log';
import type { FaultBoard } from '../faults/fault-board';
import type { HsmNetwork } from '../hsm/network';
import type { Environment } from '../world/environment';
import type { XksNetwork } from '../xks/network';

/** What the control API works with. */
export interface Control extends Environment {
  faults: FaultBoard;
  calls: CallLog;
  hsms: HsmNetwork;
  proxies: XksNetwork;
}

/** One route of the control API. `run` gives the body of the answer, or throws `ControlError`. */
export interface Route {
  method: string;
  /** of the whole path; its groups are handed to `run` */
  path: RegExp;
  run(control: Control, request: ControlRequest): unknown;
}

export interface ControlRequest {
  /** the groups of the route's path, decoded */
  ids: string[];
  query: URLSearchParams;
  body: unknown;
}

/** A bad request (400) or an unknown id (404). */
export class ControlError extends Error {
  constructor(
    readonly status: 400 | 404,
    message: string,
  ) {
    super(message);
    this.name = 'ControlError';
  }
}

/** The body in the form that a route wants; throws `ControlError` 400 that names what is wrong. */
export function readBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body ?? {});
  if (result.success) return result.data;
  throw new ControlError(400, z.prettifyError(result.error));
}
