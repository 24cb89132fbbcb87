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

/** Mistakes that no history tells, because they are none (`mutants.ts` words them, without the line). */
export const HARMLESS: readonly Excuse[] = [];
