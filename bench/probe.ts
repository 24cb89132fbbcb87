import { Session } from 'node:inspector';
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';
import { startProfile, stopProfile } from './profile';
import type { ProfileAnswer } from './profile';

/*
 * Loaded before a measured process's own code (`node --expose-gc --require …/probe.js`), in every thread of it: answers the
 * benchmark's questions over the channel to its parent. Costs nothing while it is not asked.
 */

/** What can be asked. */
export type Question = 'heap' | 'profile-start' | 'profile-stop';

/** Bytes in use after a collection, of the process (all threads). */
export interface HeapAnswer {
  usedBytes: number;
}

const THREADS_ANSWER_MS = 10_000;

type ThreadMessage =
  { kind: 'here' } | { kind: 'heap?'; round: number } | { kind: 'heap'; round: number; usedBytes: number };

const threads = new BroadcastChannel('keymoor-bench-probe');
threads.unref();
if (isMainThread) answerParent();
else answerMainThread();

function answerMainThread(): void {
  threads.onmessage = (event: unknown) => {
    const message = dataOf(event);
    if (message.kind !== 'heap?') return;
    post({ kind: 'heap', round: message.round, usedBytes: usedAfterCollection() });
  };
  post({ kind: 'here' });
}

function answerParent(): void {
  let others = 0;
  let round = 0;
  let heard: ((message: ThreadMessage) => void) | undefined;
  threads.onmessage = (event: unknown) => {
    const message = dataOf(event);
    if (message.kind === 'here') others += 1;
    else heard?.(message);
  };

  const heap = async (): Promise<HeapAnswer> => {
    round += 1;
    const asked = round;
    let usedBytes = usedAfterCollection();
    let missing = others;
    const all = new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => {
        reject(new Error(`thread ${threadId}: ${missing} other threads did not answer`));
      }, THREADS_ANSWER_MS);
      heard = (message) => {
        if (message.kind !== 'heap' || message.round !== asked) return;
        usedBytes += message.usedBytes;
        missing -= 1;
        if (missing === 0) done();
      };
      const done = (): void => {
        clearTimeout(late);
        resolve();
      };
      if (missing === 0) done();
    });
    post({ kind: 'heap?', round: asked });
    await all;
    return { usedBytes };
  };

  const session = new Session();
  const answers: Record<Question, () => Promise<HeapAnswer | ProfileAnswer | object>> = {
    heap,
    'profile-start': () => startProfile(session),
    'profile-stop': () => stopProfile(session),
  };
  process.on('message', (question: Question) => {
    answers[question]().then(
      (answer) => process.send?.({ question, answer }),
      (error: unknown) => process.send?.({ question, error: String(error) }),
    );
  });
  process.channel?.unref();
  // The benchmark is gone, however it ended: nobody needs this process any more.
  process.on('disconnect', () => process.exit(1));
}

function usedAfterCollection(): number {
  const collect = globalThis.gc;
  if (!collect) throw new Error('the process was started without --expose-gc');
  // The second one takes what finalizers of the first one let go.
  void collect();
  void collect();
  return process.memoryUsage().heapUsed;
}

function post(message: ThreadMessage): void {
  threads.postMessage(message);
}

function dataOf(event: unknown): ThreadMessage {
  return (event as { data: ThreadMessage }).data;
}
