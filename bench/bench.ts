import type { Profiled } from './child';
import { OWN_NAME } from './own-process';
import type { ProfileAnswer } from './profile';
import { cpuSeconds } from './processes';
import type { BenchOptions } from './options';
import type { Row } from './report';
import type { World } from './world';

/** What a benchmark works with. */
export interface Bench extends BenchOptions {
  world: World;
  /** one line at a time, for a person who waits */
  say: (line: string) => void;
  /** further text below the table */
  note: (text: string) => void;
}

const TOP_SHOWN = 10;

/**
 * Where a target was missed, notes why that is (`why`), does the measured thing once more and notes where the time goes:
 * CPU seconds by process, and the functions with the largest self time in Keymoor's processes.
 */
export async function profileWhereMissed(
  bench: Bench,
  rows: readonly Row[],
  what: { children: readonly Profiled[]; load: () => Promise<unknown>; why?: string },
): Promise<void> {
  const missed = rows.filter(({ met }) => !met);
  if (missed.length === 0 && !bench.profile) return;
  const title = (missed[0] ?? rows[0])?.what ?? '';
  if (missed.length > 0 && what.why !== undefined)
    bench.note(`Why "${missed.map((row) => row.what).join('", "')}" is missed: ${what.why}`);
  bench.say(`profiling: ${title}`);
  const { engines, simulator } = bench.world;
  const pids: Record<string, number> = {
    ...engines.pids,
    simulator: simulator.pid,
    ...Object.fromEntries(what.children.map(({ name, pid }) => [name, pid])),
    [OWN_NAME]: process.pid,
  };
  const cpuBefore = cpuSeconds(pids);
  const start = performance.now();
  await Promise.all(what.children.map((child) => child.startProfile()));
  await what.load();
  const profiles = await Promise.all(
    what.children.map(async (child) => ({ name: child.name, profile: await child.stopProfile() })),
  );
  const seconds = (performance.now() - start) / 1_000;
  const cpuAfter = cpuSeconds(pids);
  const text = [`Profile of "${title}" (${seconds.toFixed(1)} s)`];
  if (cpuBefore && cpuAfter) {
    const used = Object.keys(pids).map((name) => {
      // The benchmark is the parent of all: what the others used is not its own.
      const own = (cpuAfter[name] ?? 0) - (cpuBefore[name] ?? 0);
      return `${name} ${own.toFixed(1)} s`;
    });
    text.push(`  CPU: ${used.join(', ')}`);
  }
  bench.note([...text, ...profiles.flatMap(profileLines)].join('\n'));
}

function profileLines({ name, profile }: { name: string; profile: ProfileAnswer }): string[] {
  const shown = profile.top.filter(({ name: of }) => of !== '(idle)').slice(0, TOP_SHOWN);
  const idle = profile.top.find(({ name: of }) => of === '(idle)')?.selfMs ?? 0;
  const busy = profile.totalMs - idle;
  return [
    `  ${name}, main thread: busy ${((busy / profile.totalMs) * 100).toFixed(0)} %; largest self times of that:`,
    ...shown.map(
      ({ name: of, place, selfMs }) =>
        `    ${((selfMs / busy) * 100).toFixed(1).padStart(5)} %  ${of}  ${place}`,
    ),
  ];
}
