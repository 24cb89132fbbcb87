import { inTurns } from '../../bench/turns';

describe('two things in turns', () => {
  const measure = async (warmUp: number, turns: number) => {
    const order: string[] = [];
    const measured = await inTurns(
      { warmUp, turns },
      (turn) => {
        order.push(`ours ${turn}`);
        return Promise.resolve(turn);
      },
      (turn) => {
        order.push(`beside ${turn}`);
        return Promise.resolve(-turn);
      },
    );
    return { order, measured };
  };

  it('are done one at a time, and every other turn the other way round', async () => {
    const { order } = await measure(1, 2);
    expect(order).toEqual(['ours 0', 'beside 0', 'beside 1', 'ours 1', 'ours 2', 'beside 2']);
  });

  it('count only after the warm-up', async () => {
    const { measured } = await measure(2, 3);
    expect(measured).toEqual({ ours: [2, 3, 4], beside: [-2, -3, -4] });
  });

  it('never run side by side', async () => {
    let running = 0;
    let most = 0;
    const work = async (): Promise<number> => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return 0;
    };
    await inTurns({ warmUp: 1, turns: 3 }, work, work);
    expect(most).toBe(1);
  });
});
