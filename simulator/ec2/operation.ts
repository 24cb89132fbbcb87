import { z } from 'zod';
import { ec2Error } from './errors';
import type { XmlMembers } from './xml';
import type { Environment } from '../world/environment';

/** An action of the EC2 API. */
export interface Ec2Operation<P = unknown> {
  parameters: z.ZodType<P>;
  /** The answer's members, or throws `SimulatedError` with one of EC2's codes. */
  run(environment: Environment, accountId: string, parameters: P): XmlMembers;
}

/** Ties the type of the parameters to their schema. */
export function ec2Operation<P>(operation: Ec2Operation<P>): Ec2Operation {
  return operation as Ec2Operation;
}

const integer = z
  .string()
  .regex(/^-?\d+$/, 'is not an integer')
  .transform(Number);

/** Parts of parameters that many actions share. */
export const parts = {
  integer,
  boolean: z.enum(['true', 'false']).transform((text) => text === 'true'),
  filters: z.array(z.strictObject({ Name: z.string(), Values: z.array(z.string()) })).optional(),
  ids: z.array(z.string()).optional(),
  page: {
    MaxResults: integer.optional(),
    NextToken: z.string().optional(),
  },
  tags: z.array(z.strictObject({ Key: z.string(), Value: z.string().default('') })),
} as const;

/**
 * Parameters in the form that an action wants them. Throws `MissingParameter`, `UnknownParameter` or
 * `InvalidParameterValue`, naming the parameter.
 */
export function readParameters<P>(operation: Ec2Operation<P>, parameters: Record<string, unknown>): P {
  const { DryRun: _, ...others } = parameters;
  const result = operation.parameters.safeParse(others);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const name = issue?.path.join('.') ?? '';
  if (issue?.code === 'unrecognized_keys') {
    throw ec2Error('UnknownParameter', `The parameter ${issue.keys[0] ?? name} is not recognized`);
  }
  if (issue?.code === 'invalid_type' && issue.message.includes('received undefined')) {
    throw ec2Error('MissingParameter', `The request must contain the parameter ${name}`);
  }
  throw ec2Error('InvalidParameterValue', `Value for parameter ${name} is invalid. ${issue?.message ?? ''}`);
}
