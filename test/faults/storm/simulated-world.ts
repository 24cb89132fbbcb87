import { setTimeout as pause } from 'node:timers/promises';
import { SimulatorControl } from '../../harness/simulator-control';

/**
 * The simulator's control API through a storm: a request whose connection broke, because the simulator was killed just
 * then, is sent again. All requests that go this way may be repeated.
 */
export class SimulatedWorld {
  readonly #control: SimulatorControl;

  constructor(url: string) {
    this.#control = new SimulatorControl(url);
  }

  async ask<T>(request: (control: SimulatorControl) => Promise<T>, limitMs = 120_000): Promise<T> {
    const until = Date.now() + limitMs;
    for (;;) {
      try {
        return await request(this.#control);
      } catch (error) {
        // `fetch` failed (a TypeError of another realm under jest): nobody is there. What the simulator answered is an answer.
        if ((error as Error).name !== 'TypeError' || Date.now() > until) throw error;
      }
      await pause(100);
    }
  }
}
