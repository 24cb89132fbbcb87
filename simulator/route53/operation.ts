import { z } from 'zod';
import { route53Error } from './errors';
import type { XmlMembers } from './xml';
import type { Environment } from '../world/environment';

/** What an operation answers with. */
export interface Route53Answer {
  /** of the document; its root is the operation's name with `Response` */
  members: XmlMembers;
  /** 200 where it is not given */
  status?: number;
  headers?: Record<string, string>;
}

/** An operation of the Route 53 API. */
export interface Route53Operation<P = unknown> {
  method: 'GET' | 'POST' | 'DELETE';
  /** of the path behind the version; its named groups are the members that stand in the path */
  path: RegExp;
  /** members that stand in the query, by their names there */
  query?: Record<string, string>;
  parameters: z.ZodType<P>;
  /** Throws `SimulatedError` with one of Route 53's codes. */
  run(environment: Environment, accountId: string, parameters: P): Route53Answer;
}

/** Ties the type of the parameters to their schema. */
export function route53Operation<P>(operation: Route53Operation<P>): Route53Operation {
  return operation as Route53Operation;
}

const LARGEST_PAGE = 100;

/** Parts of parameters that many operations share. */
export const parts = {
  /** a zone's id, with or without `/hostedzone/` */
  zoneId: z.string().transform((id) => id.replace(/^\/?hostedzone\//, '')),
  changeId: z.string().transform((id) => id.replace(/^\/?change\//, '')),
  boolean: z.enum(['true', 'false']).transform((text) => text === 'true'),
  /** how many at most in one answer: 100 where it is not given or larger */
  maxItems: z
    .string()
    .regex(/^[1-9]\d*$/, 'is not a positive number')
    .default(String(LARGEST_PAGE))
    .transform((text) => Math.min(Number(text), LARGEST_PAGE)),
  resourceType: z.enum(['hostedzone', 'healthcheck']),
} as const;

/** A structure of a request: an element with nothing in it is one without members. */
export function structure<S extends z.ZodRawShape>(shape: S) {
  return z.preprocess((value) => (value === '' ? {} : value), z.strictObject(shape));
}

/** Parameters in the form that an operation wants them; throws `InvalidInput`, naming the member. */
export function readParameters<P>(operation: Route53Operation<P>, parameters: unknown): P {
  const result = operation.parameters.safeParse(parameters);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw route53Error(
    'InvalidInput',
    `Invalid request: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
  );
}
