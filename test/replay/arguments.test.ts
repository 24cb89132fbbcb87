import { z } from 'zod';
import { CONNECTION_ERROR_CODES } from '../../keystore/connection-error-code';
import { STORE_ID_PATTERN } from '../../keystore/naming';
import { STEPS } from '../../keystore/steps';
import type { StepName } from '../../keystore/steps';
import { commandsOf } from './commands';
import { fixtureNames, loadFixture } from './fixture';

/*
 * An activity that was asked for before a change must be understood after it. That today's workflow hands the same to
 * its activities is `replay.test.ts`'s.
 */

const input = z.strictObject({
  storeId: z.string().regex(STORE_ID_PATTERN),
  generation: z.int().positive(),
  type: z.enum(['AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE']),
  connectivity: z.enum(['PUBLIC_ENDPOINT', 'VPC_ENDPOINT_SERVICE']).optional(),
});
const clusterFacts = z.strictObject({
  clusterId: z.string().regex(/^cluster-[a-z2-7]{11,17}$/),
  vpcId: z.string().regex(/^vpc-/),
  securityGroupId: z.string().regex(/^sg-/),
  subnetIds: z.array(z.string().regex(/^subnet-/)).min(1),
});
const infrastructure = z.strictObject({ securityGroupId: z.string().regex(/^sg-/) });
const choice = z.strictObject({
  serviceName: z.string().regex(/^com\.amazonaws\.vpce\./),
  vpcId: z.string().regex(/^vpc-/),
  subnetIds: z.array(z.string().regex(/^subnet-/)).min(1),
});
const endpoint = z.strictObject({
  vpcId: z.string().regex(/^vpc-/),
  dnsName: z.string().regex(/^vpce-/),
  dnsHostedZoneId: z.string().regex(/^Z/),
});
const outcome = z.discriminatedUnion('event', [
  z.strictObject({ event: z.literal('connect-succeeded') }),
  z.strictObject({ event: z.literal('connect-failed'), connectionErrorCode: z.enum(CONNECTION_ERROR_CODES) }),
  z.strictObject({ event: z.literal('disconnect-succeeded') }),
]);

/** What each activity is given: ids and facts, nothing else. */
const ARGUMENTS: Record<StepName, z.ZodType> = {
  findCluster: z.tuple([input]),
  createInfrastructure: z.tuple([input, clusterFacts]),
  loginKmsuser: z.tuple([input, infrastructure]),
  rotatePassword: z.tuple([input, infrastructure]),
  findEndpointService: z.tuple([input]),
  createVpcEndpoint: z.tuple([input, choice]),
  createPrivateDns: z.tuple([input, endpoint]),
  probeProxy: z.tuple([input]),
  logoutKmsuser: z.tuple([input]),
  releaseInfrastructure: z.tuple([input]),
  recordOutcome: z.tuple([input, outcome]),
};

describe('the arguments of activities', () => {
  it.each(fixtureNames())('in %s have the shape that the activities expect', (name) => {
    const { history } = loadFixture(name);
    for (const { activity, args } of commandsOf(history).activities) {
      const shape = ARGUMENTS[activity as StepName];
      expect({ activity, problem: shape.safeParse(args).error?.message }).toEqual({ activity });
    }
  });

  it('of every activity are in a recorded history', () => {
    const seen = fixtureNames().flatMap((name) =>
      commandsOf(loadFixture(name).history).activities.map(({ activity }) => activity),
    );
    expect([...new Set(seen)].sort()).toEqual(Object.keys(STEPS).sort());
  });
});
