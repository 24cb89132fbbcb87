import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';

/** Where an activity runs as one attempt of its own, without a word on the console. */
export function attemptEnvironment(): MockActivityEnvironment {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => undefined) });
}

/** Runs an activity as one attempt of its own. */
export function attempt<T>(activity: () => Promise<T>): Promise<T> {
  return attemptEnvironment().run<[], T, () => Promise<T>>(activity);
}
