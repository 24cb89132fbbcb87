/** What no recorded history can show, with the reason. */
export interface Excuse {
  what: string;
  because: string;
}

/** Code that no history runs (`coverage.ts` words it). */
export const EXCUSED: readonly Excuse[] = [
  {
    what: 'branch workflows/connection-failure.ts: cond-expr 1: error',
    because: 'only a bug in a workflow brings it anything but the failure of an activity',
  },
];

/** Mistakes that no history tells, because they are none (`mutants.ts` words them; here without the line). */
export const HARMLESS: readonly Excuse[] = [
  {
    what: 'workflows/connect-custom-key-store.ts: false in: nonRetryable: true',
    because: 'these workflows are started without a retry policy, so that none is tried again either way',
  },
  {
    what: "workflows/connect-custom-key-store.ts: wrong word for 'superseded' in: kind: 'superseded'",
    because: 'from there on it only matters that there is a failure and that it is not of kind failed',
  },
  {
    what: 'workflows/connection-failure.ts: true for: cause instanceof ApplicationFailure',
    because: 'no other failure of an activity has a type that is one of the codes',
  },
  {
    what: 'workflows/connection-failure.ts: true for: error instanceof ActivityFailure',
    because: 'only a bug in a workflow brings it anything but the failure of an activity',
  },
  {
    what: 'workflows/overtaking.ts: changed places: const scope = new CancellationScope({ cancellable: true }); this.#cancel = () => scope.cancel();',
    because: 'the function looks at the scope when it is called',
  },
  {
    what: 'workflows/overtaking.ts: changed places: this.by = generation; this.#cancel?.();',
    because: 'what is cancelled hears of it after the signal was dealt with',
  },
  {
    what: 'workflows/overtaking.ts: without: this.#cancel = undefined;',
    because: 'to cancel work that has ended does nothing',
  },
  {
    what: 'workflows/steps.ts: only { heartbeatTimeout: policy.heartbeatMs } of: policy.heartbeatMs !== undefined && { heartbeatTimeout: policy.heartbeatMs }',
    because: 'a heartbeat time-out that is undefined is none',
  },
];
