import { setTimeout as pause } from 'node:timers/promises';
import { startProgram, StartError, untilReady } from '../program';
import type { OutputListener, Program, ProgramExit, RunningProgram } from '../program';

/** What others want to know of a child. */
export interface ChildListener {
  onLine: OutputListener;
  /** it runs, at first and again; not yet ready */
  onStart(pid: number): void;
  /** it ended by itself, and is started again after so many milliseconds */
  onRestart(exit: ProgramExit | Error, delayMs: number): void;
  /** it ended, asked or by itself */
  onEnd(): void;
}

/** How long a first start may take until the child serves. */
const READY_TIMEOUT_MS = 60_000;
const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 5_000;
/** A child that lived so long had a good start: the next pause is short again. */
const STABLE_MS = 10_000;

/** The pause before a restart, after so many failures in a row. */
export function restartDelayMs(failures: number): number {
  return Math.min(FIRST_DELAY_MS * 2 ** failures, LONGEST_DELAY_MS);
}

/** A child that is kept running: started again whenever it ends without having been asked to. */
export class ManagedChild {
  private running: RunningProgram | undefined;
  private readonly stopping = new AbortController();
  private kept: Promise<void> | undefined;

  constructor(
    readonly program: Program,
    private readonly listener: ChildListener,
  ) {}

  /**
   * Starts it and waits until it serves; from then on it is kept running.
   * @param tries how often it may end before it serves. An engine can trip over what its killed predecessor is still letting go of
   * @throws StartError with one line
   */
  async start(tries: number, abort: AbortSignal): Promise<void> {
    for (let failures = 0; ; failures += 1) {
      const running = await this.spawn();
      try {
        await untilReady(running, READY_TIMEOUT_MS, abort);
        this.kept = this.keep(running);
        return;
      } catch (error) {
        await running.stop();
        this.ended();
        abort.throwIfAborted();
        if (failures + 1 >= tries || !(error instanceof StartError)) throw error;
        await pause(restartDelayMs(failures), undefined, { signal: abort });
      }
    }
  }

  /** Stops it for good. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running?.stop();
    await this.kept;
  }

  /** Kills it for good. */
  kill(): void {
    this.stopping.abort();
    this.running?.kill();
  }

  private async keep(first: RunningProgram): Promise<void> {
    let running: RunningProgram | undefined = first;
    let startedAt = performance.now();
    let failures = 0;
    for (;;) {
      const exit: ProgramExit | Error =
        running === undefined ? new Error('could not be started') : await running.exited;
      if (running !== undefined) this.ended();
      if (this.stopping.signal.aborted) return;
      if (performance.now() - startedAt >= STABLE_MS) failures = 0;
      const delayMs = restartDelayMs(failures);
      failures += 1;
      this.listener.onRestart(exit, delayMs);
      await pause(delayMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
      if (this.stopping.signal.aborted) return;
      startedAt = performance.now();
      running = await this.spawn().catch(() => undefined);
      // `stop` may have come while it was being started
      if (this.stopping.signal.aborted) await running?.stop();
    }
  }

  private async spawn(): Promise<RunningProgram> {
    await this.program.beforeStart?.();
    this.running = await startProgram(this.program, { ownGroup: true, onLine: this.listener.onLine });
    this.listener.onStart(this.running.pid);
    return this.running;
  }

  private ended(): void {
    this.running = undefined;
    this.listener.onEnd();
  }
}
