import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/**
 * Tells one process from another that later gets the same id: boot and start time. Undefined where there is no such
 * process (a zombie counts as none: it only waits to be forgotten; one with threads that still end is none yet).
 */
export function processIdentity(pid: number): string | undefined {
  return process.platform === 'linux' ? linuxIdentity(pid) : psIdentity(pid);
}

/** The command line of a process, its words joined by blanks; undefined where there is none. */
export function processCommand(pid: number): string | undefined {
  if (process.platform !== 'linux') return ps(pid, 'command=');
  try {
    const words = readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8');
    return words === '' ? undefined : words.split('\0').join(' ').trim();
  } catch {
    return undefined;
  }
}

/** The processes that a process started, and those that these started. Empty where they cannot be had. */
export function descendantsOf(root: number): number[] {
  let table: string;
  try {
    table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return [];
  }
  const pairs = table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] =>
    pairs.flatMap(([pid = 0, ppid]) => (ppid === parent ? [pid, ...below(pid)] : []));
  return below(root);
}

/** Fields of /proc/PID/stat after the command, which is in brackets and may hold anything (proc(5): state is 3rd, start time 22nd). */
const STATE = 3 - 3;
const START_TIME = 22 - 3;

function linuxIdentity(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[STATE] === 'X' || (fields[STATE] === 'Z' && !hasThreads(pid))) return undefined;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${fields[START_TIME] ?? ''}`;
  } catch {
    return undefined;
  }
}

/** A process whose first thread has ended shows as a zombie while its other threads still end, and hold its ports. */
function hasThreads(pid: number): boolean {
  return readdirSync(`/proc/${String(pid)}/task`).length > 1;
}

function psIdentity(pid: number): string | undefined {
  if (ps(pid, 'state=')?.startsWith('Z') === true) return undefined;
  return ps(pid, 'lstart=');
}

function ps(pid: number, field: string): string | undefined {
  try {
    const said = execFileSync('ps', ['-o', field, '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    return said === '' ? undefined : said;
  } catch {
    return undefined;
  }
}
