import { createHash } from 'node:crypto';
import { ownProcess } from '../../bench/own-process';

/** Works until the sampler must have seen it many times: for some time of a processor, however long that takes. */
function burn(): string {
  let digest = '';
  for (const before = process.cpuUsage(); process.cpuUsage(before).user < 200_000;)
    for (let turn = 0; turn < 100; turn += 1) digest = createHash('sha256').update(digest).digest('hex');
  return digest;
}

describe('a profile of the benchmark itself', () => {
  it('names what ran, and leaves out what beginning a profile costs', async () => {
    const own = ownProcess();
    await own.startProfile();
    expect(burn()).toHaveLength(64);
    const { top, totalMs } = await own.stopProfile();
    expect(own.pid).toBe(process.pid);
    expect(top.map(({ name }) => name)).toContain('burn');
    expect(top.filter(({ name, place }) => name === 'dispatch' && place === '')).toEqual([]);
    expect(totalMs).toBeGreaterThan(0);
  });

  it('can be taken again', async () => {
    const own = ownProcess();
    for (let round = 0; round < 2; round += 1) {
      await own.startProfile();
      burn();
      const { top } = await own.stopProfile();
      expect(top).not.toEqual([]);
    }
  });
});
