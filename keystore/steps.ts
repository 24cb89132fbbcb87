/**
 * The steps of connect and disconnect, and how long and how often each may try: the one table of `spec/kms.md` D15.
 * All times are milliseconds, before `KEYMOOR_BUDGET_SCALE`.
 */

/** How one step tries. */
export interface StepPolicy {
  /** what Temporal's web UI shows for it */
  summary: string;
  /** `forward` steps run only while their operation is the running one; `undo` steps always run */
  direction: 'forward' | 'undo';
  /** time in which the step could try, over all attempts; undefined = as long as it takes (D16) */
  budgetMs?: number;
  /** pause between two attempts */
  retryIntervalMs: number;
  /** most attempts, where a number and not time is the limit */
  maxAttempts?: number;
  /**
   * how long an attempt may take however little of the budget is left, where a shorter one would tell nothing; not scaled
   */
  leastAttemptMs?: number;
  /** after this a single attempt is given up for dead; it only notices lost workers and is not scaled */
  startToCloseMs: number;
  /** an attempt that says nothing for so long is given up for dead; not scaled */
  heartbeatMs?: number;
}

const MINUTE = 60_000;

/** Every activity of both workflows. */
export const STEPS = {
  findCluster: {
    summary: 'Find the CloudHSM cluster and examine it',
    direction: 'forward',
    budgetMs: 2 * MINUTE,
    retryIntervalMs: 2_000,
    startToCloseMs: 3 * MINUTE,
    heartbeatMs: 5_000,
  },
  createInfrastructure: {
    summary: 'Create security group and network interfaces',
    direction: 'forward',
    budgetMs: 10 * MINUTE,
    retryIntervalMs: 3_000,
    startToCloseMs: 12 * MINUTE,
    heartbeatMs: 5_000,
  },
  loginKmsuser: {
    summary: 'Log in to the cluster as kmsuser',
    direction: 'forward',
    budgetMs: 2 * MINUTE,
    retryIntervalMs: 2_000,
    startToCloseMs: 3 * MINUTE,
    heartbeatMs: 5_000,
  },
  rotatePassword: {
    summary: "Rotate kmsuser's password",
    direction: 'forward',
    budgetMs: 2 * MINUTE,
    retryIntervalMs: 2_000,
    startToCloseMs: 3 * MINUTE,
    heartbeatMs: 5_000,
  },
  findEndpointService: {
    summary: 'Find the VPC endpoint service and examine it',
    direction: 'forward',
    budgetMs: 2 * MINUTE,
    retryIntervalMs: 2_000,
    startToCloseMs: 3 * MINUTE,
    heartbeatMs: 5_000,
  },
  createVpcEndpoint: {
    summary: 'Create an interface endpoint to the service',
    direction: 'forward',
    budgetMs: 10 * MINUTE,
    retryIntervalMs: 3_000,
    startToCloseMs: 12 * MINUTE,
    heartbeatMs: 5_000,
  },
  createPrivateDns: {
    summary: "Create the private hosted zone of the proxy's name",
    direction: 'forward',
    budgetMs: 10 * MINUTE,
    retryIntervalMs: 3_000,
    startToCloseMs: 12 * MINUTE,
    heartbeatMs: 5_000,
  },
  probeProxy: {
    summary: 'Ask the external key store proxy for its health',
    direction: 'forward',
    budgetMs: 30_000,
    retryIntervalMs: 2_000,
    maxAttempts: 4,
    // Two requests of 250 ms, and before each of them the simulator may have 2 s to say where it goes: a proxy must not be
    // blamed for time that others used.
    leastAttemptMs: 5_000,
    startToCloseMs: MINUTE,
    heartbeatMs: 5_000,
  },
  logoutKmsuser: {
    summary: 'Log kmsuser out',
    direction: 'undo',
    budgetMs: 15_000,
    retryIntervalMs: 1_000,
    startToCloseMs: MINUTE,
    heartbeatMs: 5_000,
  },
  releaseInfrastructure: {
    summary: 'Remove what connecting has built',
    direction: 'undo',
    retryIntervalMs: 5_000,
    startToCloseMs: 12 * MINUTE,
    heartbeatMs: 5_000,
  },
  recordOutcome: {
    summary: 'Record the outcome',
    direction: 'undo',
    retryIntervalMs: 1_000,
    // One short statement: no heartbeat is needed to notice that its worker is gone.
    startToCloseMs: 10_000,
  },
} as const satisfies Record<string, StepPolicy>;

/** Name of a step: also the name of its activity. */
export type StepName = keyof typeof STEPS;

/** The policy of a step, by name. */
export function stepPolicy(name: StepName): StepPolicy {
  return STEPS[name];
}

/** Budget of a whole connect (D15), over its forward steps. */
export const CONNECT_BUDGET_MS = { AWS_CLOUDHSM: 20 * MINUTE, EXTERNAL_KEY_STORE: 10 * MINUTE } as const;
