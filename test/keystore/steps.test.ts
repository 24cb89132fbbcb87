import { CONNECT_BUDGET_MS, STEPS } from '../../keystore/steps';
import type { StepPolicy } from '../../keystore/steps';

const policies = Object.entries(STEPS) as [string, StepPolicy][];

describe('the table of steps', () => {
  it.each(policies)(
    'gives an attempt of %s longer than the step may try, so that the step decides',
    (_name, policy) => {
      expect(policy.startToCloseMs).toBeGreaterThan(policy.budgetMs ?? 0);
    },
  );

  it.each(policies)('notices a dead worker in %s long before the attempt would end', (_name, policy) => {
    expect(policy.heartbeatMs ?? 10_000).toBeLessThanOrEqual(Math.min(10_000, policy.startToCloseMs));
  });

  it('gives looking up and logging in 2 minutes, building 10, a connect 20 (D15)', () => {
    expect(STEPS.findCluster.budgetMs).toBe(120_000);
    expect(STEPS.createInfrastructure.budgetMs).toBe(600_000);
    expect(STEPS.loginKmsuser.budgetMs).toBe(120_000);
    expect(CONNECT_BUDGET_MS).toEqual({ AWS_CLOUDHSM: 1_200_000, EXTERNAL_KEY_STORE: 600_000 });
  });

  it('gives the removal of infrastructure no budget: it takes as long as it takes (D16)', () => {
    expect((STEPS.releaseInfrastructure as StepPolicy).budgetMs).toBeUndefined();
  });
});
