import { setTimeout as delay } from 'node:timers/promises';
import type { CallLog, LoggedCall } from './call-log';
import { concernedResources } from './faults/concerned-resources';
import type { FaultBoard } from './faults/fault-board';
import { SimulatedError } from './simulated-error';
import type { Fault, FaultService } from './world/types';
import type { World } from './world/world';

/** How long `delay` waits when the fault does not say. */
const DEFAULT_DELAY_MS = 1_000;

/** The code of an `error` fault that names none, as each service words an inner failure. */
const INNER_FAILURE: Record<FaultService, string> = {
  cloudhsm: 'CloudHsmInternalFailureException',
  ec2: 'InternalError',
  route53: 'InternalFailure',
  hsm: 'INTERNAL_ERROR',
  xks: 'InternalException',
};

/** A request to the simulated world, whatever protocol it came by. */
export interface WorldCall<T> {
  service: FaultService;
  operation: string;
  accountId: string;
  /** by their API names, without secrets */
  parameters: unknown;
  /** does what is asked: the answer, or throws `SimulatedError` */
  work(): T | Promise<T>;
  /** ends the connection so that the caller gets no answer: in order, or by a TCP reset */
  hangUp(how: 'close' | 'reset'): void;
}

/** Nothing is to be answered: the connection is gone, or the fault took it. */
export const UNANSWERED = Symbol('unanswered');

/** The way of every request: note it, let a fault befall it, do the work, make it last, answer. */
export class Pipeline {
  private closed = false;

  constructor(
    private readonly world: World,
    private readonly faults: FaultBoard,
    private readonly calls: CallLog,
  ) {}

  async perform<T>(call: WorldCall<T>): Promise<T | typeof UNANSWERED> {
    const logged = this.calls.begin(call.service, call.operation, call.accountId, call.parameters);
    const fault = this.faults.take({
      service: call.service,
      operation: call.operation,
      accountId: call.accountId,
      concerns: concernedResources(this.world, call.parameters),
    });
    try {
      if (fault === undefined) return await this.work(call, logged);
      this.world.commit();
      return await this.suffer(fault, call, logged);
    } catch (error) {
      this.calls.finish(logged, error instanceof SimulatedError ? error.code : 'simulator-failure');
      throw error;
    }
  }

  /** From now on no work is done, not even held work that is let go. */
  close(): void {
    this.closed = true;
    this.faults.dropWaiting();
  }

  private async work<T>(
    call: WorldCall<T>,
    logged: LoggedCall,
    outcome = 'ok',
  ): Promise<T | typeof UNANSWERED> {
    if (this.closed) return UNANSWERED;
    try {
      const result = await call.work();
      if (this.closed) return UNANSWERED;
      this.calls.finish(logged, outcome);
      return result;
    } finally {
      if (!this.closed) this.world.commit();
    }
  }

  private async suffer<T>(
    fault: Fault,
    call: WorldCall<T>,
    logged: LoggedCall,
  ): Promise<T | typeof UNANSWERED> {
    const delayMs = fault.delayMs ?? (fault.effect === 'delay' ? DEFAULT_DELAY_MS : 0);
    if (delayMs > 0) await delay(delayMs, undefined, { ref: false });
    switch (fault.effect) {
      case 'delay':
        return this.work(call, logged);
      case 'error': {
        const code = fault.code ?? INNER_FAILURE[call.service];
        throw new SimulatedError(code, `Simulated fault: ${code}`, fault.status);
      }
      case 'reset':
        this.calls.finish(logged, 'reset');
        call.hangUp('reset');
        return UNANSWERED;
      case 'lost-reply':
        await this.work(call, logged, 'lost-reply').finally(() => call.hangUp('close'));
        return UNANSWERED;
      case 'hold':
        logged.outcome = 'held';
        if ((await this.faults.untilDeleted(fault.id)) === 'go-on') return this.work(call, logged);
        call.hangUp('close');
        return UNANSWERED;
      case 'hang':
        this.calls.finish(logged, 'hang');
        await this.faults.untilDeleted(fault.id);
        call.hangUp('close');
        return UNANSWERED;
    }
  }
}
