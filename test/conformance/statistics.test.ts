import { durations } from '../../conformance/statistics';

test('percentiles are values that were measured, and the share over the limit leaves the limit itself out', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
  expect(durations(hundred, 98)).toEqual({ count: 100, p50: 50, p99: 99, shareOverLimit: 0.02 });
  expect(durations([7, 3], 7)).toEqual({ count: 2, p50: 3, p99: 7, shareOverLimit: 0 });
});

test('of nothing there is nothing over the limit', () => {
  expect(durations([], 250)).toEqual({ count: 0, p50: 0, p99: 0, shareOverLimit: 0 });
});
