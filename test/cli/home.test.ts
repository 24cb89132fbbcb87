import type * as fs from 'node:fs';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureMasterKey, openHome } from '../../cli/supervisor/home';
import { temporaryFolder } from './folders';

const folder = temporaryFolder();

test('a home is made with its parents, for its owner alone', () => {
  const home = openHome(join(folder, 'new', 'home'));
  expect(statSync(home.folder).mode & 0o777).toBe(0o700);
  expect(statSync(home.logs).isDirectory()).toBe(true);
});

test('a home that is a file, or below one, is refused with one line', () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  expect(() => openHome(file)).toThrow(
    `KEYMOOR_HOME: ${file} cannot be used: it is no folder; set it to a folder that you may write to`,
  );
  expect(() => openHome(join(file, 'home'))).toThrow('cannot be used: part of the path is no folder');
});

test('a home where nothing can be made is refused, too', () => {
  // the kernel says ENOENT there, on which Node's own recursive mkdir would never return
  if (process.platform === 'linux')
    expect(() => openHome('/proc/keymoor/home')).toThrow(
      /^KEYMOOR_HOME: \/proc\/keymoor\/home cannot be used: /,
    );
});

test('a full disk is refused with one line', () => {
  const full = join(folder, 'full');
  mkdirSync(full);
  const spy = jest.spyOn(jest.requireActual<typeof fs>('node:fs'), 'writeFileSync');
  spy.mockImplementation(() => {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  });
  try {
    expect(() => openHome(full)).toThrow(`KEYMOOR_HOME: ${full} cannot be used: the disk is full`);
  } finally {
    spy.mockRestore();
  }
});

test('the master key is made once, readable by its owner alone', () => {
  const home = openHome(join(folder, 'key'));
  ensureMasterKey(home);
  const made = readFileSync(home.masterKeyFile, 'utf8');
  expect(Buffer.from(made, 'base64')).toHaveLength(32);
  expect(statSync(home.masterKeyFile).mode & 0o777).toBe(0o600);
  ensureMasterKey(home);
  expect(readFileSync(home.masterKeyFile, 'utf8')).toBe(made);
});

test('a lost or broken master key is never replaced: the secrets in the database would be lost', () => {
  const home = openHome(join(folder, 'lost'));
  ensureMasterKey(home);
  mkdirSync(home.postgres);
  rmSync(home.masterKeyFile);
  expect(() => {
    ensureMasterKey(home);
  }).toThrow(`the master key ${home.masterKeyFile} is missing`);
  writeFileSync(home.masterKeyFile, 'short');
  chmodSync(home.masterKeyFile, 0o600);
  expect(() => {
    ensureMasterKey(home);
  }).toThrow('does not hold 32 bytes in Base64');
});
