import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Memory of a process that is in RAM, bytes. */
export function residentBytes(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).trim()) * 1_024;
}

/** Open files, sockets and pipes of a process; undefined where the system does not tell. */
export function openFiles(pid: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Linux counts in hundredths of a second, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;
/** Fields of /proc/PID/stat after the command (proc(5)): parent 4th, user time 14th, system time 15th. */
const [PARENT, USER, SYSTEM] = [4 - 3, 14 - 3, 15 - 3];

/** Seconds of CPU that each process and its descendants have used; undefined where the system does not tell. */
export function cpuSeconds(pids: Readonly<Record<string, number>>): Record<string, number> | undefined {
  if (process.platform !== 'linux') return undefined;
  const all = new Map<number, { parent: number; seconds: number }>();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      all.set(Number(entry), {
        parent: Number(fields[PARENT]),
        seconds: (Number(fields[USER]) + Number(fields[SYSTEM])) / TICKS_PER_SECOND,
      });
    } catch {
      // gone meanwhile
    }
  }
  const named = new Map(Object.entries(pids).map(([name, pid]) => [pid, name]));
  const sums = Object.fromEntries(Object.keys(pids).map((name) => [name, 0]));
  for (const [pid, { seconds }] of all) {
    for (let at = pid; at > 1; at = all.get(at)?.parent ?? 0) {
      const name = named.get(at);
      if (name === undefined) continue;
      sums[name] = (sums[name] ?? 0) + seconds;
      break;
    }
  }
  return sums;
}
