/**
 * How long an unanswered create is looked for after its release: longer than AWS accepts a request that was signed
 * before (five minutes), with room to spare.
 */
export const WATCH_MS = 15 * 60_000;
