import { Random } from './random';

/**
 * What a seed fixes: the stores, what is asked of each in which order and with which pauses, what somebody does to the
 * world behind it, and which faults come in which order and where. When exactly a fault meets an operation is up to the
 * real processes and differs from run to run: the same seed gives the same storm, not the same raindrops.
 */

export const STORE_KINDS = ['cloudhsm', 'public', 'vpc'] as const;
export type StoreKind = (typeof STORE_KINDS)[number];

/** One store of the storm, in an account of its own. */
export interface StorePlan {
  index: number;
  kind: StoreKind;
  accountId: string;
}

/** What is done next with a store. */
export type StoreStep = { pauseMs: number } & (
  | {
      act: 'connect' | 'disconnect' | 'describe' | 'rename' | 'settle' | 'renew-secret' | 'recreate' | 'heal';
    }
  /** two calls at the same time */
  | { act: 'burst'; first: 'connect' | 'disconnect' }
  | { act: 'meddle'; meddling: string }
);

const HEALTHY = {
  connect: 30,
  disconnect: 20,
  describe: 10,
  rename: 5,
  burst: 5,
  settle: 16,
  'renew-secret': 4,
  recreate: 3,
  meddle: 7,
} as const;
const MEDDLED = { heal: 25, connect: 26, disconnect: 22, describe: 8, settle: 19 } as const;

/** Operations at which a fault can be aimed, by kind of store: service and name, as the simulator takes them. */
export const POINTS: Readonly<
  Record<StoreKind, readonly (readonly [FaultService, string, 'connect' | 'disconnect'])[]>
> = {
  cloudhsm: [
    ['cloudhsm', 'DescribeClusters', 'connect'],
    ['ec2', 'DescribeSecurityGroups', 'connect'],
    ['ec2', 'CreateSecurityGroup', 'connect'],
    ['ec2', 'AuthorizeSecurityGroupIngress', 'connect'],
    ['ec2', 'RevokeSecurityGroupEgress', 'connect'],
    ['ec2', 'CreateNetworkInterface', 'connect'],
    ['ec2', 'DescribeNetworkInterfaces', 'connect'],
    ['hsm', 'Connect', 'connect'],
    ['hsm', 'ListUsers', 'connect'],
    ['hsm', 'Login', 'connect'],
    ['hsm', 'ChangePassword', 'connect'],
    ['hsm', 'Logout', 'disconnect'],
    ['ec2', 'DeleteNetworkInterface', 'disconnect'],
    ['ec2', 'DeleteSecurityGroup', 'disconnect'],
  ],
  public: [['xks', 'GetHealthStatus', 'connect']],
  vpc: [
    ['ec2', 'DescribeVpcEndpointServices', 'connect'],
    ['ec2', 'CreateVpcEndpoint', 'connect'],
    ['ec2', 'DescribeVpcEndpoints', 'connect'],
    ['route53', 'CreateHostedZone', 'connect'],
    ['route53', 'ChangeResourceRecordSets', 'connect'],
    ['route53', 'GetChange', 'connect'],
    ['xks', 'GetHealthStatus', 'connect'],
    ['route53', 'DeleteHostedZone', 'disconnect'],
    ['ec2', 'DeleteVpcEndpoints', 'disconnect'],
  ],
};
export type FaultService = 'cloudhsm' | 'ec2' | 'route53' | 'hsm' | 'xks';

/** An error that a service really gives, with its HTTP status. */
const ERRORS: Readonly<Record<FaultService, readonly (readonly [code: string, status: number])[]>> = {
  cloudhsm: [
    ['ThrottlingException', 400],
    ['CloudHsmInternalFailureException', 500],
  ],
  ec2: [
    ['RequestLimitExceeded', 503],
    ['InternalError', 500],
    ['Unavailable', 503],
  ],
  route53: [
    ['Throttling', 400],
    ['PriorRequestNotComplete', 400],
    ['InternalFailure', 500],
  ],
  hsm: [['INTERNAL_ERROR', 500]],
  xks: [
    ['ThrottlingException', 429],
    ['InternalException', 500],
    ['DependencyTimeoutException', 503],
  ],
};

/** A fault of the simulated world, aimed at one store. */
export interface SimulatorFaultPlan {
  store: number;
  service: FaultService;
  operation: string;
  effect: 'error' | 'lost-reply' | 'delay' | 'hang' | 'hold' | 'reset';
  code?: string;
  status?: number;
  delayMs?: number;
  /** 0: as long as it is there */
  times: number;
  /** then it is taken away; what it held goes on */
  lifetimeMs: number;
  pauseMs: number;
}

export const VICTIMS = [
  'worker',
  'api',
  'simulator',
  'temporal',
  'postgres',
  'second-worker',
  'second-api',
] as const;
export type Victim = (typeof VICTIMS)[number];

/** What befalls processes. */
export type ProcessFaultPlan = { pauseMs: number } & (
  | { fault: 'kill'; victim: Victim | 'supervisor' }
  | { fault: 'freeze'; victim: Victim; forMs: number }
  /** somebody terminates workflows in Temporal */
  | { fault: 'terminate'; stores: number[] }
  /** Temporal's database is removed while it is down: it starts empty */
  | { fault: 'lose-temporal' }
  /** a request of a store is held on its way, and something befalls a process just then */
  | {
      fault: 'at-point';
      store: number;
      service: FaultService;
      operation: string;
      towards: 'connect' | 'disconnect';
      then: 'kill' | 'freeze' | 'terminate';
      victim: Victim;
      forMs: number;
      /** the request goes on so long after that */
      goesOnAfterMs: number;
    }
);

/** How hard it storms. */
export interface Weather {
  /** mean pauses, milliseconds: of each store's caller, between faults of the simulator, between those of processes */
  callerPauseMs: number;
  simulatorFaultEveryMs: number;
  processFaultEveryMs: number;
  longestFreezeMs: number;
  /** faults at chosen points in each round of process faults */
  pointsPerRound: number;
}

/** Every choice of a storm. */
export class Plan {
  readonly stores: readonly StorePlan[];
  readonly #random: Random;

  constructor(
    readonly seed: number,
    storeCount: number,
    readonly weather: Weather,
  ) {
    this.#random = new Random(`storm ${seed}`);
    // Half of them have clusters, where there is most to lose.
    this.stores = Array.from({ length: storeCount }, (_, index) => ({
      index,
      kind: (['cloudhsm', 'vpc', 'cloudhsm', 'public'] as const)[index % 4] ?? 'cloudhsm',
      accountId: String(100_000_000_000 + seed * 1_000 + index),
    }));
  }

  /** What is asked of a store, without end. `meddlings`: what can be done to the world behind it. */
  *stepsOf(store: StorePlan, meddlings: readonly string[]): Generator<StoreStep, never> {
    const random = this.#random.stream(`store ${store.index}`);
    let meddled = false;
    for (let first = true; ; first = false) {
      const pauseMs = random.pause(this.weather.callerPauseMs);
      const act = first ? 'connect' : meddled ? random.weighted(MEDDLED) : random.weighted(HEALTHY);
      if (act === 'meddle') yield { act, meddling: random.pick(meddlings), pauseMs };
      else if (act === 'burst') yield { act, first: random.pick(['connect', 'disconnect']), pauseMs };
      else yield { act, pauseMs };
      if (act === 'meddle') meddled = true;
      if (act === 'heal') meddled = false;
    }
  }

  *simulatorFaults(): Generator<SimulatorFaultPlan, never> {
    const random = this.#random.stream('simulator');
    for (;;) {
      const store = random.pick(this.stores);
      const [service, operation] = random.pick(POINTS[store.kind]);
      const lasting = random.chance(0.08);
      const effect = lasting
        ? random.pick(['error', 'reset', 'hang'] as const)
        : random.pick([
            'error',
            'error',
            'lost-reply',
            'lost-reply',
            'delay',
            'hang',
            'hold',
            'reset',
          ] as const);
      const [code, status] = random.pick(ERRORS[service]);
      yield {
        store: store.index,
        service,
        operation: random.chance(0.3) ? '*' : operation,
        effect,
        ...(effect === 'error' && { code, status }),
        ...(effect === 'delay' && { delayMs: random.int(100, 1_500) }),
        times: lasting ? 0 : effect === 'hang' || effect === 'hold' ? 1 : random.int(1, 2),
        lifetimeMs: lasting ? random.int(14_000, 22_000) : random.int(6_000, 14_000),
        pauseMs: random.pause(this.weather.simulatorFaultEveryMs),
      };
    }
  }

  /** All kinds of process faults in an order of its own, each round another. */
  *processFaults(): Generator<ProcessFaultPlan, never> {
    const random = this.#random.stream('processes');
    for (let round = 0; ; round++) {
      const kills = [...VICTIMS, 'supervisor' as const].map((victim) => ({ fault: 'kill', victim }) as const);
      const freezes = VICTIMS.map((victim) => ({ fault: 'freeze', victim }) as const);
      const points = Array.from(
        { length: this.weather.pointsPerRound },
        () => ({ fault: 'at-point' }) as const,
      );
      const kinds = [
        ...kills,
        ...freezes,
        ...points,
        { fault: 'terminate' } as const,
        { fault: 'terminate' } as const,
        { fault: 'lose-temporal' } as const,
      ];
      for (const kind of random.shuffled(kinds)) {
        const pauseMs = random.pause(this.weather.processFaultEveryMs);
        const forMs = random.int(1_000, this.weather.longestFreezeMs);
        if (kind.fault === 'freeze') yield { ...kind, forMs, pauseMs };
        else if (kind.fault === 'terminate')
          yield { ...kind, stores: random.shuffled(this.stores.map(({ index }) => index)), pauseMs };
        else if (kind.fault === 'at-point') {
          const store = random.pick(this.stores);
          const [service, operation, towards] = random.pick(POINTS[store.kind]);
          yield {
            ...kind,
            store: store.index,
            service,
            operation,
            towards,
            then: random.pick(['kill', 'freeze', 'terminate']),
            victim: random.pick([
              'worker',
              'second-worker',
              'worker',
              'second-worker',
              'simulator',
              'temporal',
              'postgres',
            ]),
            forMs,
            goesOnAfterMs: random.int(0, Math.round(0.6 * this.weather.longestFreezeMs)),
            pauseMs,
          };
        } else yield { ...kind, pauseMs };
      }
    }
  }
}
