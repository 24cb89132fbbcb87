import type { Case } from '../case';
import { OPERATION_NAMES, OPERATIONS } from '../specification';

/** Time limits, on fresh connections and, where asked for, under load. */
export const TIMING_CASES: readonly Case[] = [
  ...OPERATIONS.map((operation): Case => ({
    id: `time-limit-${operation}`,
    title: `${OPERATION_NAMES[operation]} is answered within the time limit`,
    section: operation,
    check: { kind: 'time-limit', operation, requests: 5 },
  })),
  {
    id: 'load',
    title: 'Encrypt stays within the time limit under load',
    section: 'encrypt',
    check: { kind: 'load' },
    onlyWith: 'load',
  },
];
