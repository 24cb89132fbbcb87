import { Pace } from '../../simulator/world/pace';

describe('pace', () => {
  test('0 waits for nothing', async () => {
    const pace = new Pace(0);
    expect(pace.duration(1_500, 2_500)).toBe(0);
    const start = performance.now();
    for (let i = 0; i < 100; i++) await pace.request(200, 400);
    expect(performance.now() - start).toBeLessThan(200);
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
    const start = performance.now();
    await new Pace(1_000).request(200, 400);
    const took = performance.now() - start;
    expect(took).toBeGreaterThan(1_000);
    expect(took).toBeLessThan(4_000);
  });
});
