import { CancellationScope, defineSignal, makeContinueAsNewFunc, setHandler } from '@temporalio/workflow';
import type { OperationInput } from '../keystore/operation';

/** A Disconnect of this generation was accepted: what runs for the store must make way for it. */
export const overtake = defineSignal<[generation: number]>('overtake');

/**
 * Listens for a later Disconnect of the same store. Make it before the first `await`, so that no signal is missed.
 */
export class Overtaking {
  /** generation of the latest Disconnect that was heard of */
  by: number | undefined;
  readonly #input: OperationInput;
  #cancel: (() => void) | undefined;

  constructor(input: OperationInput) {
    this.#input = input;
    setHandler(overtake, (generation) => {
      // Signals come from anybody who reaches Temporal: what is no later generation must not stop what runs.
      if (!Number.isInteger(generation) || generation <= (this.by ?? this.#input.generation)) return;
      this.by = generation;
      this.#cancel?.();
    });
  }

  /** Runs `work` until it ends or is overtaken; overtaken work is cancelled and awaited, and counts as done. */
  async unlessOvertaken(work: () => Promise<void>): Promise<void> {
    if (this.by !== undefined) return;
    const scope = new CancellationScope({ cancellable: true });
    this.#cancel = () => scope.cancel();
    try {
      await scope.run(work);
    } catch (error) {
      // Overtaken: whatever ended the work, the Disconnect takes it from here.
      if (this.by === undefined) throw error;
    } finally {
      this.#cancel = undefined;
    }
  }

  /**
   * Goes on as the Disconnect that overtook this workflow, if one did: same workflow id and no gap, so that nothing
   * else can start for the store in between. Look last: a signal that comes while the workflow closes is seen first.
   */
  async goOnAsDisconnect(): Promise<void> {
    if (this.by === undefined) return;
    const generation = this.by;
    await makeContinueAsNewFunc<(input: OperationInput) => Promise<void>>({
      workflowType: 'disconnectCustomKeyStore',
      memo: { generation },
    })({ ...this.#input, generation });
  }
}
