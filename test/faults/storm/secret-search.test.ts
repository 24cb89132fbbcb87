import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { disguises } from '../../e2e/home-scan';
import { SecretSearch } from './secret-search';

const rotated = 'q7RkP2mZx9LdVb4TfGn8WcYs6JhUe3Ao';
const given = 'canary100000000001n0';
const search = new SecretSearch([given, rotated]);

describe('a secret', () => {
  it('is found in every disguise, wherever it stands', () => {
    for (const form of [...disguises(rotated), ...disguises(given)]) {
      expect(search.isIn(form)).toBe(true);
      expect(search.isIn(Buffer.concat([Buffer.from('before '), form, Buffer.from([0, 1])]))).toBe(true);
    }
  });

  it('is not found where all but its last letter stands, nor where nothing does', () => {
    const short = new SecretSearch([rotated]);
    for (const form of disguises(rotated).filter(({ length }) => length > 40))
      expect(short.isIn(form.subarray(0, -1))).toBe(false);
    expect(search.isIn(rotated.slice(1))).toBe(false);
    expect(search.isIn('')).toBe(false);
    expect(search.isIn('canary and nothing after it')).toBe(false);
  });

  it('is found in files, but for folders that are left out', () => {
    const folder = mkdtempSync(join(tmpdir(), 'keymoor-secret-search-'));
    try {
      mkdirSync(join(folder, 'simulator'));
      mkdirSync(join(folder, 'logs'));
      writeFileSync(join(folder, 'simulator', 'world'), given);
      writeFileSync(join(folder, 'logs', 'worker.log'), `{"msg":"${rotated}"}`);
      writeFileSync(join(folder, 'logs', 'api.log'), '{"msg":"nothing"}');
      expect(search.filesBelow(folder, ['simulator'])).toEqual([join('logs', 'worker.log')]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
