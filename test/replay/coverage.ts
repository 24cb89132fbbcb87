import { createInstrumenter } from 'istanbul-lib-instrument';
import { alteredBundle, withoutTypes } from './altered-bundle';
import type { WorkflowSources } from './altered-bundle';
import type { Fixture } from './fixture';
import { replays } from './replays';

/** Where in the counted code, as istanbul says it: lines from 1, columns from 0. */
interface Place {
  start: { line: number; column: number };
  end: { line: number; column: number };
}

/** Of one file, as istanbul keeps it. */
interface Counted {
  statementMap: Record<string, Place>;
  fnMap: Record<string, { name: string; decl: Place }>;
  branchMap: Record<string, { type: string; loc: Place; locations: Place[] }>;
  s: Record<string, number>;
  f: Record<string, number>;
  b: Record<string, number[]>;
}

/** A statement, a function or one arm of a branch: `workflows/undo.ts: if: if (…) await …`. */
export interface CountedItem {
  kind: 'statement' | 'function' | 'branch';
  what: string;
  runs: number;
}

/** Counts what of the workflows' code runs while histories replay. @throws where one does not replay */
export async function coverageBy(
  fixtures: Iterable<Fixture>,
  sources: WorkflowSources,
): Promise<CountedItem[]> {
  const instrumenter = createInstrumenter({
    esModules: true,
    compact: false,
    // The sandbox has no `Function` to find its globals by.
    coverageGlobalScopeFunc: false,
    coverageGlobalScope: 'globalThis',
  });
  const plain = Object.fromEntries(
    Object.entries(sources).map(([path, source]) => [path, withoutTypes(source)]),
  );
  const counting = Object.fromEntries(
    Object.entries(plain).map(([path, code]) => [path, instrumenter.instrumentSync(code, path)]),
  );
  const items = new Map<string, CountedItem>();
  for await (const { fixture, error, coverage } of replays({ code: alteredBundle(counting) }, fixtures)) {
    if (error) throw new Error(`${fixture.name} does not replay`, { cause: error });
    for (const [path, counted] of Object.entries((coverage ?? {}) as Record<string, Counted>)) {
      for (const item of itemsOf(path, plain[path] ?? '', counted)) {
        const key = `${item.kind} ${item.at}`;
        const { kind, what, runs } = item;
        items.set(key, { kind, what, runs: runs + (items.get(key)?.runs ?? 0) });
      }
    }
  }
  return [...items.values()];
}

function itemsOf(path: string, code: string, counted: Counted): (CountedItem & { at: string })[] {
  const text = (place: Place): string => textAt(code, place);
  const at = (place: Place, arm = 0): string => `${path} ${place.start.line}:${place.start.column} ${arm}`;
  return [
    ...Object.entries(counted.statementMap).map(([id, place]) => ({
      kind: 'statement' as const,
      at: at(place),
      what: `${path}: ${text(place)}`,
      runs: counted.s[id] ?? 0,
    })),
    ...Object.entries(counted.fnMap).map(([id, { name, decl }]) => ({
      kind: 'function' as const,
      at: at(decl),
      what: `${path}: ${name}`,
      runs: counted.f[id] ?? 0,
    })),
    ...Object.entries(counted.branchMap).flatMap(([id, { type, loc, locations }]) =>
      locations.map((place, arm) => ({
        kind: 'branch' as const,
        at: at(loc, arm),
        // An `if` without `else` has no place for its other arm.
        what: `${path}: ${type} ${arm}: ${text(place.start.line === undefined ? loc : place)}`,
        runs: counted.b[id]?.[arm] ?? 0,
      })),
    ),
  ];
}

/** One line of it. */
function textAt(code: string, { start, end }: Place): string {
  const lines = code.split('\n').slice(start.line - 1, end.line);
  const last = lines.length - 1;
  lines[last] = (lines[last] ?? '').slice(0, end.column);
  lines[0] = (lines[0] ?? '').slice(start.column);
  return lines.join(' ').replace(/\s+/g, ' ').trim();
}
