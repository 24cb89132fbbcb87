import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { descendantsOf, processIdentity } from '../process-identity';
import type { ProcessName } from '../program';
import { writeAtomically } from './write-atomically';

const childSchema = z.object({ name: z.string(), pid: z.number(), identity: z.string() });
type Child = z.infer<typeof childSchema>;

/** How orphans are asked to end, and how long they get. They lost nothing that was accepted: work goes on after the next start. */
const ORPHAN_GRACE_MS = 4_000;
const POLL_MS = 25;

/**
 * The children that run, in a file: a supervisor that was killed leaves it, and the next one ends what is in it.
 */
export class ChildrenFile {
  private readonly children = new Map<ProcessName, Child>();

  constructor(private readonly path: string) {}

  /** Right after a start, before anything else. */
  add(name: ProcessName, pid: number): void {
    const identity = processIdentity(pid);
    if (identity === undefined) return; // it has ended already
    this.children.set(name, { name, pid, identity });
    this.write();
  }

  remove(name: ProcessName): void {
    if (this.children.delete(name)) this.write();
  }

  /** After everything has ended. */
  delete(): void {
    rmSync(this.path, { force: true });
  }

  private write(): void {
    writeAtomically(this.path, JSON.stringify([...this.children.values()]));
  }
}

/**
 * Ends what a killed supervisor left running: processes of the file that are still the same ones.
 * @returns their names
 */
export async function endOrphans(path: string): Promise<string[]> {
  const orphans = readChildren(path).filter(lives);
  const all = orphans.flatMap((orphan) => [orphan, ...partsOf(orphan)]);
  for (const orphan of orphans) {
    // PostgreSQL waits for its clients on SIGTERM; SIGINT ends their sessions
    tell(orphan, orphan.name === 'postgres' ? 'SIGINT' : 'SIGTERM');
  }
  for (const one of all) tell(one, 'SIGCONT');
  const deadline = performance.now() + ORPHAN_GRACE_MS;
  while (all.some(lives) && performance.now() < deadline) await pause(POLL_MS);
  for (const one of all) if (lives(one)) tell(one, 'SIGKILL');
  while (all.some(lives)) await pause(POLL_MS);
  rmSync(path, { force: true });
  return orphans.map(({ name }) => name);
}

/** PostgreSQL's parts are processes and groups of their own. One that is left, frozen perhaps, holds the memory that the next one needs. */
function partsOf({ name, pid }: Child): Child[] {
  if (name !== 'postgres') return [];
  return descendantsOf(pid).flatMap((part) => {
    const identity = processIdentity(part);
    return identity === undefined ? [] : [{ name, pid: part, identity }];
  });
}

function lives({ pid, identity }: Child): boolean {
  return processIdentity(pid) === identity;
}

function tell({ pid }: Child, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it ended in between
  }
}

function readChildren(path: string): Child[] {
  try {
    const children = z.array(childSchema).safeParse(JSON.parse(readFileSync(path, 'utf8')));
    return children.success ? children.data : [];
  } catch {
    return [];
  }
}
