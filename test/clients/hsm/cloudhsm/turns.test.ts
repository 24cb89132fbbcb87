import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { takeTurn } from '../../../../clients/hsm/cloudhsm/turns';

describe('turns at what only one may use at a time', () => {
  const settled = async (turn: Promise<unknown>): Promise<boolean> => {
    let done = false;
    void turn.finally(() => (done = true)).catch(() => undefined);
    for (let look = 0; look < 20 && !done; look++) await new Promise((resolve) => setImmediate(resolve));
    return done;
  };

  test('the next one comes when the turn is given back, in the order of asking', async () => {
    const first = await takeTurn('a');
    const second = takeTurn('a');
    const third = takeTurn('a');
    expect(await settled(second)).toBe(false);
    first();
    const giveBackSecond = await second;
    expect(await settled(third)).toBe(false);
    giveBackSecond();
    (await third)();
  });

  test('turns at other things are not waited for', async () => {
    const first = await takeTurn('b');
    (await takeTurn('c'))();
    first();
  });

  test('one who gives up is told why, and holds nobody up', async () => {
    const first = await takeTurn('d');
    const control = new AbortController();
    const second = takeTurn('d', control.signal);
    const third = takeTurn('d');
    control.abort(new Error('changed my mind'));
    await expect(second).rejects.toThrow('changed my mind');
    expect(await settled(third)).toBe(false);
    first();
    (await third)();
  });

  test('one who has given up before asking does not queue', async () => {
    await expect(takeTurn('e', AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
    (await takeTurn('e'))();
  });

  test('a turn that is given back twice is given back once', async () => {
    const first = await takeTurn('f');
    first();
    const second = await takeTurn('f');
    first();
    const third = takeTurn('f');
    expect(await settled(third)).toBe(false);
    second();
    (await third)();
  });

  // Elsewhere processes do not see each other.
  const [onLinux, name] =
    process.platform === 'linux'
      ? [describe, 'of several processes']
      : [describe.skip, 'of several processes (skipped: Linux is missing)'];
  onLinux(name, () => {
    const COMPILED = join(__dirname, '../../../../dist/clients/hsm/cloudhsm/turns.js');

    async function otherProcess(key: string): Promise<{ kill(): void }> {
      const script = `require(${JSON.stringify(COMPILED)}).takeTurn(${JSON.stringify(key)}).then(() => { console.log('mine'); setInterval(() => {}, 1e6) })`;
      const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
      await new Promise((resolve) => child.stdout.once('data', resolve));
      return { kill: () => child.kill('SIGKILL') };
    }

    test('one waits until the other has done, however it ends', async () => {
      const other = await otherProcess('g');
      const mine = takeTurn('g');
      expect(await settled(mine)).toBe(false);
      other.kill();
      (await mine)();
    });

    test('one who gives up while another process has the turn is told why', async () => {
      const other = await otherProcess('h');
      const control = new AbortController();
      const mine = takeTurn('h', control.signal);
      expect(await settled(mine)).toBe(false);
      control.abort(new Error('changed my mind'));
      await expect(mine).rejects.toThrow('changed my mind');
      other.kill();
      (await takeTurn('h'))();
    });
  });
});
