import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkHsm } from '../../worker/hsm-check';
import type { HsmCheckLine } from '../../worker/hsm-check';
import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld } from '../harness/connect-world';

/* What ends a check before any HSM is asked; with a token it is tried in test/e2e/own-token.test.ts. */

let world: ConnectWorld;
const folder = mkdtempSync(join(tmpdir(), 'keymoor-hsm-check-'));
const file = join(folder, 'pkcs11.json');

beforeAll(async () => {
  writeFileSync(file, '[]');
  world = await startConnectWorld({ worker: false });
});
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true });
});

async function check(
  storeId: string,
  changes: { masterKey?: Buffer; databaseUrl?: string } = {},
): Promise<{ works: boolean; last: HsmCheckLine | undefined }> {
  const lines: HsmCheckLine[] = [];
  const { databaseUrl, masterKey, logger } = { ...world.workerConfig, ...changes };
  const works = await checkHsm(
    { region: 'us-east-1', endpoints: {}, hsm: 'pkcs11', pkcs11File: file, databaseUrl, masterKey, logger },
    storeId,
    (line) => lines.push(line),
  );
  return { works, last: lines.at(-1) };
}

const failsWith = (text: unknown): unknown => ({ works: false, last: { works: false, text } });

it('a store that is not there is said to be so', async () => {
  expect(await check('cks-0123456789abcdef0')).toEqual(
    failsWith('there is no key store cks-0123456789abcdef0'),
  );
});

it('an external key store has no HSM to check', async () => {
  const { store } = await world.anXksStore();
  expect(await check(store.id)).toEqual(failsWith(expect.stringContaining('see keymoor xks check')));
});

it.each(['connect', 'disconnect'] as const)('a store with a running %s is left alone', async (kind) => {
  const { store } = await world.aStore();
  await world.accept('connect', store.id);
  if (kind === 'disconnect') await world.accept('disconnect', store.id);
  const state = kind === 'connect' ? 'CONNECTING' : 'DISCONNECTING';
  expect(await check(store.id)).toEqual(failsWith(expect.stringContaining(`is ${state}: wait for its end`)));
});

it('a cluster that nobody declares is told by where it would have to be', async () => {
  const { store } = await world.aStore();
  const says = `KEYMOOR_PKCS11_FILE names no cluster ${store.cloudHsmClusterId} for account ${store.accountId}`;
  expect(await check(store.id)).toEqual(failsWith(expect.stringContaining(says)));
});

it('a master key that is not the one in force is said to be so, before anything else is tried', async () => {
  await world.aStore();
  expect(await check('cks-0123456789abcdef0', { masterKey: Buffer.alloc(32, 1) })).toEqual(
    failsWith(expect.stringContaining('The master key in KEYMOOR_MASTER_KEY_FILE (id ')),
  );
});

it('a database that is away ends the check in one line without its address', async () => {
  const databaseUrl = 'postgresql://somebody:secret@127.0.0.1:1/nowhere';
  const { last, works } = await check('cks-0123456789abcdef0', { databaseUrl });
  expect(works).toBe(false);
  expect(last?.text).toMatch(/^the check itself failed \(ECONNREFUSED\)/);
  expect(last?.text).not.toContain('secret');
});
