import { startActiveClock } from '../../activities/active-clock';

describe('the clock of budgets', () => {
  it('counts time that passes while the process runs', () => {
    let at = 1_000;
    const clock = startActiveClock(() => at, 500);
    at += 300;
    expect(clock.elapsedMs()).toBe(300);
    at += 900;
    expect(clock.elapsedMs()).toBe(1_200);
    clock.stop();
  });

  it('counts no more than two ticks of a gap: a frozen process did not try', () => {
    let at = 1_000;
    const clock = startActiveClock(() => at, 500);
    at += 3_600_000;
    expect(clock.elapsedMs()).toBe(1_000);
    clock.stop();
  });

  it('stands still during what is done aside', async () => {
    let at = 1_000;
    const clock = startActiveClock(() => at, 500);
    at += 100;
    await clock.aside(() => Promise.resolve((at += 400)));
    at += 30;
    expect(clock.elapsedMs()).toBe(130);
    clock.stop();
  });
});
