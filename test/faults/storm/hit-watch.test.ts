import { ms, requestFault } from './by-hand';
import { overlap } from './happenings';
import type { SimulatedWorld } from './simulated-world';
import { HitWatch } from './simulator-faults';

/** A world with one fault, which has hit so often. */
function worldWith(used: () => number): SimulatedWorld {
  const control = { faults: () => Promise.resolve([{ id: 'f', used: used() }]) };
  return { ask: (request: (of: typeof control) => unknown) => request(control) } as unknown as SimulatedWorld;
}

it('a hit is known to have come between two looks, and counts for no operation before or after', async () => {
  let used = 0;
  const hits = new HitWatch(worldWith(() => used));
  const fault = requestFault([], { from: Date.now() });
  hits.watch('f', fault);
  await hits.look();
  expect(fault.hits).toEqual([]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const before = Date.now();
  used = 2;
  await hits.look();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const after = Date.now();
  expect(await hits.look()).toEqual(new Map([['f', 2]]));
  expect(fault.hits).toHaveLength(1);
  const [hit] = fault.hits;
  if (!hit) throw new Error('no hit');
  expect(hit.times).toBe(2);
  expect(overlap(hit, { from: before, to: before })).toBe(true);
  expect(overlap(hit, { from: after, to: after + 1_000 })).toBe(false);
  expect(overlap(hit, { from: ms(0), to: fault.from - 1 })).toBe(false);
});
