import { Places } from '../../../clients/hsm/places';

/** Lets everything go on that can. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('so many go in, the others wait, and go in in the order in which they came', async () => {
  const places = new Places(2);
  const inside: number[] = [];
  const leave: (() => void)[] = [];
  for (const visitor of [0, 1, 2, 3]) {
    void places.take().then((giveBack) => {
      inside.push(visitor);
      leave[visitor] = giveBack;
    });
  }
  await settle();
  expect(inside).toEqual([0, 1]);
  leave[1]?.();
  await settle();
  expect(inside).toEqual([0, 1, 2]);
  // Giving back twice frees no second place.
  leave[1]?.();
  await settle();
  expect(inside).toEqual([0, 1, 2]);
  leave[0]?.();
  await settle();
  expect(inside).toEqual([0, 1, 2, 3]);
});

test('a place that nobody waits for is free for who comes later', async () => {
  const places = new Places(1);
  (await places.take())();
  (await places.take())();
});

test('who gives up waiting gets the reason, and takes no place from those behind', async () => {
  const places = new Places(1);
  const leave = await places.take();
  const tired = new AbortController();
  const givesUp = places.take(tired.signal);
  const patient = places.take();
  tired.abort(new Error('tired'));
  await expect(givesUp).rejects.toThrow('tired');
  leave();
  await expect(patient).resolves.toBeDefined();
  await expect(places.take(tired.signal)).rejects.toThrow('tired');
});
