import { setTimeout as pause } from 'node:timers/promises';
import { Pace } from '../../simulator/world/pace';

jest.mock('node:timers/promises', () => ({ setTimeout: jest.fn(() => Promise.resolve()) }));

/** Milliseconds of the pauses that were made. */
const paused = () => jest.mocked(pause).mock.calls.map(([milliseconds]) => milliseconds);

beforeEach(() => jest.mocked(pause).mockClear());

describe('pace', () => {
  test('0 waits for nothing', async () => {
    const pace = new Pace(0);
    expect(pace.duration(1_500, 2_500)).toBe(0);
    await pace.request(200, 400);
    expect(paused()).toEqual([]);
  });

  test.each([1, 5, 60])('%d scales what is waited for by asking again', (factor) => {
    const pace = new Pace(factor);
    for (let i = 0; i < 100; i++) {
      const ms = pace.duration(1_500, 2_500);
      expect(ms).toBeGreaterThanOrEqual(1_500 * factor);
      expect(ms).toBeLessThanOrEqual(2_500 * factor);
    }
  });

  test('never makes one request longer than the time-outs of its callers allow', async () => {
    await new Pace(1_000).request(200, 400);
    expect(paused()).toEqual([1_500]);
  });
});
