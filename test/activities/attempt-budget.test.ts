import { startAttemptBudget } from '../../activities/attempt-budget';

describe('the budget of an attempt', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('ends the attempt, with a time-out, when its time is over', () => {
    const budget = startAttemptBudget('findCluster', 1_000);
    jest.advanceTimersByTime(999);
    expect(budget.signal.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    expect(budget.signal.reason).toMatchObject({ name: 'TimeoutError' });
  });

  it('stands still during what is done aside, and goes on afterwards', async () => {
    const budget = startAttemptBudget('findCluster', 1_000);
    jest.advanceTimersByTime(600);
    await budget.aside(() => Promise.resolve(jest.advanceTimersByTime(60_000)));
    jest.advanceTimersByTime(399);
    expect(budget.signal.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    expect(budget.signal.aborted).toBe(true);
  });

  it('ends nothing once it is stopped, nor where there is none', () => {
    const stopped = startAttemptBudget('findCluster', 1_000);
    stopped.stop();
    const none = startAttemptBudget('releaseInfrastructure', undefined);
    jest.advanceTimersByTime(3_600_000);
    expect([stopped.signal.aborted, none.signal.aborted]).toEqual([false, false]);
  });
});
