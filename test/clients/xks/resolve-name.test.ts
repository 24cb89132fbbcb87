import { createSystemResolver } from '../../../clients/xks/resolve-name';

/** A resolver that answers when the test says so. */
function slowResolver() {
  const asked: string[] = [];
  const settle = new Map<string, (addresses: string[] | Error) => void>();
  const resolve = createSystemResolver((host) => {
    asked.push(host);
    return new Promise((done, fail) =>
      settle.set(host, (result) => (result instanceof Error ? fail(result) : done(result))),
    );
  });
  return { asked, settle: (host: string, result: string[] | Error) => settle.get(host)?.(result), resolve };
}

describe('looking up names', () => {
  const waits = new AbortController().signal;

  test('the hosts file counts', async () => {
    await expect(createSystemResolver()('localhost', waits)).resolves.toContain('127.0.0.1');
  });

  test('no more than two names are looked up at a time; the next one comes when one is done, or has failed', async () => {
    const { asked, settle, resolve } = slowResolver();
    const answers = ['a', 'b', 'c', 'd'].map((host) => resolve(host, waits));
    expect(asked).toEqual(['a', 'b']);
    settle('b', new Error('no such name'));
    await expect(answers[1]).rejects.toThrow('no such name');
    expect(asked).toEqual(['a', 'b', 'c']);
    settle('a', ['10.0.0.1']);
    await expect(answers[0]).resolves.toEqual(['10.0.0.1']);
    expect(asked).toEqual(['a', 'b', 'c', 'd']);
    settle('c', ['10.0.0.3']);
    settle('d', ['10.0.0.4']);
    await expect(Promise.all(answers.slice(2))).resolves.toEqual([['10.0.0.3'], ['10.0.0.4']]);
  });

  test('a name that is being looked up is not looked up again, and afterwards it is', async () => {
    const { asked, settle, resolve } = slowResolver();
    const both = Promise.all([resolve('a', waits), resolve('a', waits)]);
    expect(asked).toEqual(['a']);
    settle('a', ['10.0.0.1']);
    await expect(both).resolves.toEqual([['10.0.0.1'], ['10.0.0.1']]);
    void resolve('a', waits);
    expect(asked).toEqual(['a', 'a']);
  });

  test('a name for which nobody waits any more is not looked up', async () => {
    const { asked, settle, resolve } = slowResolver();
    const gone = new AbortController();
    const first = resolve('a', waits);
    void resolve('b', waits);
    void resolve('c', gone.signal);
    const last = resolve('d', waits);
    gone.abort();
    settle('a', ['10.0.0.1']);
    await first;
    settle('d', ['10.0.0.4']);
    await expect(last).resolves.toEqual(['10.0.0.4']);
    expect(asked).toEqual(['a', 'b', 'd']);
  });
});
