import { runCommand } from '../../cli/engines/run-command';

const shell = (script: string): Promise<string> =>
  runCommand('/bin/sh', ['-c', script], { env: { PATH: '/usr/bin:/bin' }, timeoutMs: 60_000 });

test('a command resolves with what it wrote to stdout', async () => {
  expect(await shell('echo one; echo two >&2')).toBe('one\n');
});

test('a failure is told by the line that names the error, not by those about cleaning up', async () => {
  // initdb on a full disk
  const script = `
    echo 'FATAL:  could not write to file "pg_wal/xlogtemp.29": No space left on device' >&2
    echo 'PANIC:  cannot abort transaction 1, it was already committed' >&2
    echo 'child process exited with exit code 1' >&2
    echo 'initdb: removing data directory "data"' >&2
    exit 1`;
  await expect(shell(script)).rejects.toThrow(/^FATAL: .*No space left on device$/);
});

test('without such a line a failure is told by the last one, of stderr first', async () => {
  await expect(shell('echo out; echo first >&2; echo last >&2; exit 3')).rejects.toThrow(/^last$/);
  await expect(shell('echo out; exit 3')).rejects.toThrow(/^out$/);
  await expect(shell('exit 3')).rejects.toThrow('ended with code 3');
});
