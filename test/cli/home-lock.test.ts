import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openHome } from '../../cli/supervisor/home';
import type { Home } from '../../cli/supervisor/home';
import { lockHolder, lockHome } from '../../cli/supervisor/home-lock';
import { processIdentity } from '../../cli/process-identity';
import { temporaryFolder } from './folders';

const folder = temporaryFolder();
let homes = 0;
const newHome = (): Home => openHome(join(folder, `home-${String((homes += 1))}`));

/** A process that does nothing, and is gone after `work`. */
async function withProcess(work: (pid: number) => void): Promise<void> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    work(child.pid ?? 0);
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

test('a home is held until it is given back', () => {
  const home = newHome();
  const unlock = lockHome(home);
  expect(lockHolder(home)).toBe(process.pid);
  unlock();
  expect(lockHolder(home)).toBeUndefined();
  lockHome(home)();
});

test('a home in use is refused with one line that names the pid', async () => {
  const home = newHome();
  await withProcess((pid) => {
    writeFileSync(home.lockFile, JSON.stringify({ pid, identity: processIdentity(pid) }));
    expect(() => lockHome(home)).toThrow(
      `KEYMOOR_HOME: ${home.folder} is in use by another keymoor (pid ${String(pid)}); stop that one, or set KEYMOOR_HOME to another folder`,
    );
  });
  lockHome(home)(); // its process is gone
});

test('a lock whose pid now belongs to another process is taken over', async () => {
  const home = newHome();
  await withProcess((pid) => {
    writeFileSync(home.lockFile, JSON.stringify({ pid, identity: 'of another boot' }));
    const unlock = lockHome(home);
    expect(lockHolder(home)).toBe(process.pid);
    unlock();
  });
});

test('a lock that nobody can read is taken over', () => {
  const home = newHome();
  writeFileSync(home.lockFile, '{"pid":');
  lockHome(home)();
  expect(existsSync(home.lockFile)).toBe(false);
});

test('a take-over that was killed half-way does not bar the home for good, one under way does', () => {
  const home = newHome();
  writeFileSync(home.lockFile, JSON.stringify({ pid: 1, identity: 'gone' }));
  writeFileSync(`${home.lockFile}.takeover`, '');
  expect(() => lockHome(home)).toThrow('is in use by another keymoor that starts at this moment');
  jest.useFakeTimers({ now: Date.now() + 60_000 });
  try {
    lockHome(home)();
  } finally {
    jest.useRealTimers();
  }
});
