import { setTimeout as delay } from 'node:timers/promises';

/** The longest that one request waits: a caller's own time-outs are not scaled by the pace. */
const LONGEST_REQUEST_MS = 1_500;

/**
 * Simulated waiting times. At pace 1 a connect takes 2 to 5 s; most of it is the wait for its network interfaces,
 * because that can grow to minutes without any single request taking long.
 */
export class Pace {
  constructor(private readonly pace: number) {}

  /** How long something takes that is waited for by asking again and again, in ms. */
  duration(shortestMs: number, longestMs: number): number {
    return Math.round(this.pace * (shortestMs + Math.random() * (longestMs - shortestMs)));
  }

  /** Lets the time of one request pass. */
  async request(shortestMs: number, longestMs: number): Promise<void> {
    const ms = Math.min(LONGEST_REQUEST_MS, this.duration(shortestMs, longestMs));
    if (ms > 0) await delay(ms, undefined, { ref: false });
  }
}
