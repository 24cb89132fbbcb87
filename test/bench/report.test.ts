import { readOptions } from '../../bench/options';
import { limitRow, markdownTable, milliseconds, plainTable, ratioRow } from '../../bench/report';
import { atATime, percentile } from '../../bench/statistics';

describe('a percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

  it.each([
    [0.5, 50],
    [0.99, 99],
    [1, 100],
    [0, 1],
  ])('of %s is the nearest rank', (share, value) => {
    expect(percentile(hundred, share)).toBe(value);
  });

  it('of nothing is an error', () => {
    expect(() => percentile([], 0.5)).toThrow('no values');
  });
});

describe('a row of the table', () => {
  const row = { what: 'this / that', unit: milliseconds };

  it.each([
    [15, { most: 1.5 }, true],
    [15.1, { most: 1.5 }, false],
    [0.8, { least: 0.08 }, true],
    [0.79, { least: 0.08 }, false],
  ])('with %s against 10 and the target %o has met it: %s', (ours, target, met) => {
    expect(ratioRow({ ...row, ours, beside: 10, target }).met).toBe(met);
  });

  it('has missed a limit that is passed', () => {
    expect(limitRow({ ...row, value: 35, most: 35 }).met).toBe(true);
    expect(limitRow({ ...row, value: 36, most: 35 }).met).toBe(false);
  });

  it('says so in both tables', () => {
    const rows = [ratioRow({ ...row, ours: 20, beside: 10, target: { most: 1.5 } })];
    expect(plainTable(rows)).toMatch(/this \/ that +20\.0 ms +10\.0 ms +2\.00 × +≤ 1\.5 × +MISSED/);
    expect(markdownTable(rows)).toMatch(
      /\| this \/ that \| 20\.0 ms \| 10\.0 ms +\| 2\.00 × \| ≤ 1\.5 × \| MISSED +\|/,
    );
  });
});

describe('so many at a time', () => {
  it('does everything once, and never more at once than told', async () => {
    const done: number[] = [];
    let now = 0;
    let most = 0;
    await atATime(3, 10, async (index) => {
      now += 1;
      most = Math.max(most, now);
      await Promise.resolve();
      done.push(index);
      now -= 1;
    });
    expect(done.sort((one, other) => one - other)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(most).toBe(3);
  });
});

it('a benchmark that does not exist is refused', () => {
  expect(() => readOptions(['--only', 'speed'])).toThrow('there is no benchmark "speed"');
});
