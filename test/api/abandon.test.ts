import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { projectFolder } from '../../cli/environment';
import type { ConnectionState } from '../../keystore/connection-state';
import { testTemporalAddress } from '../setup/temporal';
import type { ApiUnderTest } from './harness/api-under-test';
import { newAccount, startApiUnderTest } from './harness/api-under-test';
import { placeStore, rowOf } from './harness/stores';

let under: ApiUnderTest;
let databaseUrl = '';
const home = mkdtempSync(join(tmpdir(), 'keymoor-abandon-'));

beforeAll(async () => {
  under = await startApiUnderTest({ databaseVia: (url) => (databaseUrl = url) });
});
afterAll(async () => {
  await under.close();
  rmSync(home, { recursive: true });
});

/** A store with a group of its first connect and an interface that was planned for it. */
async function aStore(state: ConnectionState = 'DISCONNECTING'): Promise<{ id: string; accountId: string }> {
  const accountId = newAccount();
  const { id } = await placeStore(under, accountId, { state });
  await under.sql.query(
    `INSERT INTO provisioned_resources (custom_key_store_id, account_id, generation, kind, slot, request, provider_id, state)
     VALUES ($1, $2, 1, 'security-group', '', '{}', 'sg-1', 'created'),
            ($1, $2, 1, 'network-interface', 'subnet-1', '{}', NULL, 'planned')`,
    [id, accountId],
  );
  return { id, accountId };
}

interface Answer {
  status: number;
  body: Record<string, unknown> & { message?: string; token?: string };
}

async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
  const answer = await fetch(`${under.api.adminUrl}/custom-key-stores/${path}`, init);
  return { status: answer.status, body: (await answer.json()) as Answer['body'] };
}

function post(
  id: string,
  body: unknown,
  contentType = 'application/json',
  more: Record<string, string> = {},
): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const headers = { 'content-type': contentType, ...more };
  return ask(`${id}/abandon`, { method: 'POST', headers, body: text });
}

const stateOf = async (id: string): Promise<unknown> => (await rowOf(under, id))?.['connection_state'];

describe('the admin endpoint', () => {
  it('tells what would stay behind, gives it up, and keeps the list when the store is deleted', async () => {
    const { id, accountId } = await aStore();
    const leftovers = [
      { kind: 'security-group', providerId: 'sg-1', slot: '' },
      { kind: 'network-interface', providerId: null, slot: 'subnet-1' },
    ].map((item) => ({ ...item, accountId, generation: 1, plannedAt: expect.any(String) as string }));
    const preview = await ask(`${id}/abandon`);
    expect(preview).toMatchObject({
      status: 200,
      body: { customKeyStoreId: id, connectionState: 'DISCONNECTING', sessionOpen: false, leftovers },
    });
    expect((await ask(`${id}/abandoned`)).body).toEqual([]);
    const { token } = preview.body;
    expect(await post(id, { confirm: id, token })).toEqual({ status: 200, body: { abandoned: leftovers } });
    expect(await stateOf(id)).toBe('DISCONNECTED');
    expect(await post(id, { confirm: id, token })).toMatchObject({ status: 409 });
    expect(under.log.filter(({ storeId, msg }) => storeId === id && msg === 'key store abandoned')).toEqual([
      expect.objectContaining({ generation: 0, leftovers: 2, peer: '127.0.0.1' }),
    ]);

    await under.sql.query('DELETE FROM custom_key_stores WHERE id = $1', [id]);
    expect((await ask(`${id}/abandoned`)).body).toEqual(
      leftovers.map((item) => ({ ...item, abandonedAt: expect.any(String) as string, releasedAt: null })),
    );
    expect((await post(id, { confirm: id, token })).status).toBe(404);
  });

  it('names the state of a store that cannot be abandoned, and what to do', async () => {
    const { id } = await aStore('FAILED');
    const { token } = (await ask(`${id}/abandon`)).body;
    const { status, body } = await post(id, { confirm: id, token });
    expect([status, body.message]).toEqual([409, expect.stringMatching(/is FAILED.*Disconnect it first/)]);
  });

  it.each([
    ['no body', '', 'application/json', 400],
    ['another store in confirm', { confirm: 'cks-00000000000000000', token: 'x' }, 'application/json', 400],
    ['no token', { confirm: 'ID' }, 'application/json', 400],
    ['a form of a web page', 'confirm=ID&token=TOKEN', 'application/x-www-form-urlencoded', 415],
    ['plain text that is JSON', '{"confirm":"ID","token":"TOKEN"}', 'text/plain', 415],
    ['another token', { confirm: 'ID', token: 'x' }, 'application/json', 409],
  ])('does nothing for %s', async (_what, body, contentType, status) => {
    const { id } = await aStore();
    const { token } = (await ask(`${id}/abandon`)).body;
    const text = (typeof body === 'string' ? body : JSON.stringify(body))
      .replace('ID', id)
      .replace('TOKEN', token ?? '');
    expect((await post(id, text, contentType)).status).toBe(status);
    expect(await stateOf(id)).toBe('DISCONNECTING');
  });

  it.each(['origin', 'sec-fetch-site'])('does nothing for a web page, which says %s', async (header) => {
    const { id } = await aStore();
    const { token } = (await ask(`${id}/abandon`)).body;
    const body = JSON.stringify({ confirm: id, token });
    expect((await post(id, body, 'application/json', { [header]: 'same-origin' })).status).toBe(403);
    expect(await stateOf(id)).toBe('DISCONNECTING');
  });

  it.each(['cks-00000000000000000', 'nonsense'])('knows nothing of %s', async (id) => {
    expect((await ask(`${id}/abandon`)).status).toBe(404);
    expect((await ask(`${id}/abandoned`)).status).toBe(404);
    expect((await post(id, { confirm: id, token: 'x' })).status).toBe(404);
  });
});

describe('keymoor abandon', () => {
  interface Ended {
    code: number | null;
    stdout: string;
    stderr: string;
  }

  const keymoor = (...args: string[]): Promise<Ended> => run([], args);

  /** At a terminal, as far as it can tell, on which somebody types this, and nothing more. */
  const typed = (text: string, id: string): Promise<Ended> =>
    run(['--import', 'data:text/javascript,process.stdin.isTTY=true'], [id], text);

  function run(nodeArgs: string[], args: string[], input?: string): Promise<Ended> {
    const main = join(projectFolder(), 'dist', 'cli', 'main.js');
    const child = spawn(process.execPath, [...nodeArgs, main, 'abandon', ...args], {
      env: { KEYMOOR_HOME: home, DATABASE_URL: databaseUrl, TEMPORAL_ADDRESS: testTemporalAddress() },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    child.stdin?.end(input);
    const output = { stdout: '', stderr: '' };
    child.stdout?.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
    return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...output })));
  }

  it('lists what stays behind, refuses without a terminal, and goes on with --yes, once', async () => {
    const { id, accountId } = await aStore();
    const asked = await keymoor(id);
    expect(asked).toMatchObject({ code: 2, stderr: 'keymoor: there is no terminal to ask on: say --yes\n' });
    expect(asked.stdout).toContain(`security-group sg-1, account ${accountId}, since `);
    expect(asked.stdout).toContain(
      `network-interface (planned, maybe made) in subnet-1, account ${accountId}`,
    );
    expect(await stateOf(id)).toBe('DISCONNECTING');

    const done = await keymoor(id, '--yes');
    expect(done.code).toBe(0);
    // Who and when, in one line.
    expect(done.stderr).toMatch(/^\[\d{4}-\d\d-\d\dT[\d:]+Z\] WARN: key store abandoned \{.*\}\n$/);
    expect(JSON.parse(/\{.*\}/.exec(done.stderr)?.[0] ?? '')).toEqual({
      user: userInfo().username,
      storeId: id,
      generation: 0,
      leftovers: 2,
    });
    expect(await stateOf(id)).toBe('DISCONNECTED');
    const again = await keymoor(id, '--yes');
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/^keymoor: .* is DISCONNECTED; .*\n$/);
  });

  it('tells of a session of kmsuser, which is then in the list, too', async () => {
    const { id, accountId } = await aStore();
    await under.sql.query(
      `INSERT INTO secrets (custom_key_store_id, kind, slot, version, ciphertext) VALUES ($1, 'hsm-session', 'current', 1, 'x')`,
      [id],
    );
    const { code, stdout } = await keymoor(id, '--yes');
    expect(code).toBe(0);
    expect(stdout).toContain('kmsuser may still be logged in to the cluster');
    const providerId = (await rowOf(under, id))?.['cloud_hsm_cluster_id'];
    expect((await ask(`${id}/abandoned`)).body).toContainEqual({
      ...{ kind: 'hsm-session', providerId, accountId, slot: '', generation: 1, releasedAt: null },
      plannedAt: expect.any(String) as string,
      abandonedAt: expect.any(String) as string,
    });
  });

  it.each([
    ['nothing, and the input ends', ''],
    ['no', 'no\n'],
    ['an empty line', '\n'],
  ])('abandons nothing, and says so by its exit code, where the answer is %s', async (_what, text) => {
    const { id } = await aStore();
    const { code, stdout, stderr } = await typed(text, id);
    expect(stdout).toContain('Abandon? [y/N] ');
    expect([code, stderr]).toEqual([1, 'keymoor: nothing was abandoned\n']);
    expect(await stateOf(id)).toBe('DISCONNECTING');
  });

  it('abandons where the answer is yes', async () => {
    const { id } = await aStore();
    expect(await typed('y\n', id)).toMatchObject({ code: 0 });
    expect(await stateOf(id)).toBe('DISCONNECTED');
  });
});
