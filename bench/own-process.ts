import { Session } from 'node:inspector';
import type { Profiled } from './child';
import { startProfile, stopProfile } from './profile';

/** What the benchmark's own process is called where processes are listed. */
export const OWN_NAME = 'the benchmark itself';

/** The benchmark's own process, where what is measured runs in it. */
export function ownProcess(): Profiled {
  const session = new Session();
  return {
    name: OWN_NAME,
    pid: process.pid,
    startProfile: async () => {
      await startProfile(session);
    },
    stopProfile: () => stopProfile(session),
  };
}
