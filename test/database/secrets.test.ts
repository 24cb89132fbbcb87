import type { Queryable } from '../../database/database';
import { writeAcceptedLogin } from '../../database/queries/accepted-login';
import { updateStore } from '../../database/queries/update-store';
import {
  forgetSession,
  keepPendingPassword,
  loadPasswords,
  loadSessions,
  markPendingSent,
  replaceGivenPassword,
} from '../../database/queries/kmsuser-passwords';
import {
  noteLogin,
  noteLoginAnswer,
  noteLoginUnsent,
  wasAccepted,
} from '../../database/queries/login-attempts';
import type { SentLogin } from '../../database/queries/login-attempts';
import { recordOutcome } from '../../database/queries/outcomes';
import { SecretBox } from '../../database/secret-box';
import type { OperationInput } from '../../keystore/operation';
import { eventually } from '../harness/eventually';
import { aStore, connecting, disconnecting, read, secrets, useTestDatabase } from './fixtures';

const test = useTestDatabase();

/** A login of the first password, written down as sent. */
async function sentLogin(input: OperationInput): Promise<SentLogin> {
  const noted = await noteLogin(test.database.pool, { ...input, secretVersion: 1, purpose: 'login' });
  if (typeof noted === 'string') throw new Error(noted);
  return noted;
}

describe('the secret box', () => {
  const sealed = secrets.seal('cks-1', 'kmsuser-password', 'canary');

  it('opens what it sealed, for the same store and kind', () => {
    expect(secrets.open('cks-1', 'kmsuser-password', sealed, null)).toBe('canary');
  });

  it('seals the same secret differently each time', () => {
    expect(secrets.seal('cks-1', 'kmsuser-password', 'canary').equals(sealed)).toBe(false);
  });

  it.each([
    ['another store', () => secrets.open('cks-2', 'kmsuser-password', sealed, null)],
    ['another kind', () => secrets.open('cks-1', 'hsm-session', sealed, null)],
    ['another key', () => new SecretBox(Buffer.alloc(32, 8)).open('cks-1', 'kmsuser-password', sealed, null)],
    ['too few bytes', () => secrets.open('cks-1', 'kmsuser-password', sealed.subarray(0, 20), null)],
    [
      'a key id that was written down',
      () => secrets.open('cks-1', 'kmsuser-password', sealed, 'f'.repeat(32)),
    ],
  ])('does not open for %s, and says nothing of the secret', (_case, open) => {
    expect(open).toThrow(/does not decrypt|is not the one that/);
    expect(open).not.toThrow(/canary/);
  });

  it('does not open for any changed byte', () => {
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => secrets.open('cks-1', 'kmsuser-password', changed, null)).toThrow(/does not decrypt/);
    }
  });

  it('takes a master key of 32 bytes only', () => {
    expect(() => new SecretBox(Buffer.alloc(31))).toThrow(/32 bytes, not 31/);
  });
});

/** Until a statement waits for another transaction's lock. */
const untilOneWaits = (): Promise<unknown> =>
  eventually(
    () =>
      test.database.pool.query(
        `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
      ),
    ({ rowCount }) => rowCount === 1,
  );

/** What an accepted login with the password of that version does to the passwords, be it of whatever operation. */
const promote = (storeId: string, secretVersion: number, db: Queryable = test.database.pool): Promise<void> =>
  writeAcceptedLogin(
    db,
    secrets,
    { storeId, generation: 0, secretVersion, purpose: 'verify', sent: 1 },
    undefined,
  );

describe("kmsuser's passwords", () => {
  const passwordsOf = async (storeId: string): Promise<{ current?: string; pending?: string }> => {
    const known = await loadPasswords(test.database.pool, secrets, storeId);
    return {
      ...(known && { current: known.current.password }),
      ...(known?.pending && { pending: known.pending.password }),
    };
  };

  it('keep the pending one that is there, however often another is offered', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    const offered = await Promise.all(
      ['aaaaaaa1', 'bbbbbbb2', 'ccccccc3'].map((password) =>
        keepPendingPassword(test.database.pool, secrets, input, password),
      ),
    );
    expect(new Set(offered.map((pending) => pending?.password)).size).toBe(1);
    expect(offered[0]).toMatchObject({ version: 2 });
  });

  it('make none of a version that is being promoted just now', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    const first = await keepPendingPassword(test.database.pool, secrets, input, 'aaaaaaa1');
    const promoting = await test.database.pool.connect();
    try {
      await promoting.query('BEGIN');
      await promote(store.id, first?.version ?? 0, promoting);
      // It has to wait for the end of that, and then what it would build on is gone.
      const second = keepPendingPassword(test.database.pool, secrets, input, 'bbbbbbb2');
      await untilOneWaits();
      await promoting.query('COMMIT');
      expect(await second).toBeUndefined();
    } finally {
      promoting.release();
    }
    expect(await passwordsOf(store.id)).toEqual({ current: 'aaaaaaa1' });
  });

  it('make none for an operation that is no longer running, and send none', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    await keepPendingPassword(test.database.pool, secrets, input, 'aaaaaaa1');
    await disconnecting(test.database, store.id);
    expect(await keepPendingPassword(test.database.pool, secrets, input, 'bbbbbbb2')).toBeUndefined();
    expect(await markPendingSent(test.database.pool, input, 2)).toBeUndefined();
    expect(await passwordsOf(store.id)).toEqual({ current: 'kmsPswd1', pending: 'aaaaaaa1' });
  });

  it('are not even written down for an operation that is no longer running', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    await disconnecting(test.database, store.id);
    expect(await keepPendingPassword(test.database.pool, secrets, input, 'aaaaaaa1')).toBeUndefined();
    expect(await passwordsOf(store.id)).toEqual({ current: 'kmsPswd1' });
  });

  it('are promoted by version: once, again without harm, and never to one that was dropped', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    await keepPendingPassword(test.database.pool, secrets, input, 'aaaaaaa1');
    await markPendingSent(test.database.pool, input, 2);
    await promote(store.id, 2);
    await promote(store.id, 2);
    await promote(store.id, 1);
    const { rows } = await test.database.pool.query(
      'SELECT sent FROM secrets WHERE custom_key_store_id = $1',
      [store.id],
    );
    expect(rows).toEqual([{ sent: false }]);
    expect(await passwordsOf(store.id)).toEqual({ current: 'aaaaaaa1' });
    // Late news of an old one leaves the next change alone.
    await keepPendingPassword(test.database.pool, secrets, input, 'bbbbbbb2');
    await promote(store.id, 1);
    expect(await passwordsOf(store.id)).toEqual({ current: 'aaaaaaa1', pending: 'bbbbbbb2' });
  });

  it('are replaced, the pending one dropped, when the caller gives one; no version comes twice (D35)', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    await keepPendingPassword(test.database.pool, secrets, input, 'aaaaaaa1');
    await updateStore(
      test.database,
      await read(test.database, store.id),
      { keyStorePassword: 'given1234' },
      secrets,
    );
    expect(await passwordsOf(store.id)).toEqual({ current: 'given1234' });
    expect((await loadPasswords(test.database.pool, secrets, store.id))?.current.version).toBe(3);
    await promote(store.id, 2);
    expect(await passwordsOf(store.id)).toEqual({ current: 'given1234' });
  });

  it('are not promoted where a password that is being given takes their place just now (D35)', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    await keepPendingPassword(test.database.pool, secrets, input, 'aaaaaaa1');
    const giving = await test.database.pool.connect();
    try {
      await giving.query('BEGIN');
      await replaceGivenPassword(giving, secrets, store.id, 'given1234');
      const promoting = promote(store.id, 2);
      await untilOneWaits();
      await giving.query('COMMIT');
      await promoting;
    } finally {
      giving.release();
    }
    expect(await passwordsOf(store.id)).toEqual({ current: 'given1234' });
  });

  it('are promoted once by two that prove the same one at the same time', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    await keepPendingPassword(test.database.pool, secrets, input, 'aaaaaaa1');
    const first = await test.database.pool.connect();
    try {
      await first.query('BEGIN');
      await promote(store.id, 2, first);
      const second = promote(store.id, 2);
      await untilOneWaits();
      await first.query('COMMIT');
      await second;
    } finally {
      first.release();
    }
    expect(await passwordsOf(store.id)).toEqual({ current: 'aaaaaaa1' });
  });

  it('go when the store goes (D35)', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    await writeAcceptedLogin(test.database.pool, secrets, await sentLogin(input), 'session-1');
    expect(await loadSessions(test.database.pool, secrets, store.id)).toEqual(['session-1']);
    await test.database.pool.query('DELETE FROM custom_key_stores WHERE id = $1', [store.id]);
    expect(await loadPasswords(test.database.pool, secrets, store.id)).toBeUndefined();
    expect(await loadSessions(test.database.pool, secrets, store.id)).toEqual([]);
  });
});

describe("the handle of kmsuser's session", () => {
  it('is that of the login which was written down last, whichever is answered last, and then the other', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const first = await sentLogin(input);
    const second = await sentLogin(input);
    await writeAcceptedLogin(test.database.pool, secrets, second, 'session-2');
    await writeAcceptedLogin(test.database.pool, secrets, first, 'session-1');
    expect(await loadSessions(test.database.pool, secrets, input.storeId)).toEqual([
      'session-2',
      'session-1',
    ]);
  });

  it('is not changed by an operation that was overtaken, be it by a login or by a logout', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    const late = await sentLogin(input);
    const disconnect = await disconnecting(test.database, store.id);
    await recordOutcome(test.database.pool, disconnect.input, { event: 'disconnect-succeeded' });
    const again = await connecting(test.database, await read(test.database, store.id));
    await writeAcceptedLogin(test.database.pool, secrets, await sentLogin(again.input), 'session-3');
    await writeAcceptedLogin(test.database.pool, secrets, late, 'session-1');
    await forgetSession(test.database.pool, disconnect.input);
    expect(await loadSessions(test.database.pool, secrets, store.id)).toEqual(['session-3']);
    await forgetSession(test.database.pool, again.input);
    expect(await loadSessions(test.database.pool, secrets, store.id)).toEqual([]);
  });
});

describe('logins', () => {
  it('are allowed once, once more where the answer was lost, and never after an answer (D18)', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const login = { ...input, secretVersion: 1, purpose: 'login' as const };
    expect(await noteLogin(test.database.pool, login)).toMatchObject({ sent: 1 });
    expect(await noteLogin(test.database.pool, login)).toMatchObject({ sent: 2 });
    expect(await noteLogin(test.database.pool, login)).toBe('unanswered-twice');
    const other = { ...login, secretVersion: 2 };
    expect(await noteLogin(test.database.pool, other)).toMatchObject({ sent: 1 });
    await noteLoginAnswer(test.database.pool, other, 'wrong-password');
    expect(await noteLogin(test.database.pool, other)).toBe('wrong-before');
  });

  it('hear the answer of an attempt that was writing it down just then', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const login = { ...input, secretVersion: 1, purpose: 'login' as const };
    await noteLogin(test.database.pool, login);
    const answering = await test.database.pool.connect();
    try {
      await answering.query('BEGIN');
      await noteLoginAnswer(answering, login, 'accepted');
      const waiting = noteLogin(test.database.pool, login);
      await untilOneWaits();
      await answering.query('COMMIT');
      expect(await waiting).toBe('accepted-before');
    } finally {
      answering.release();
    }
  });

  it('are not counted where they never left', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    for (let round = 0; round < 3; round++) {
      await noteLoginUnsent(test.database.pool, await sentLogin(input));
    }
    expect(await sentLogin(input)).toMatchObject({ sent: 1 });
    await noteLoginUnsent(test.database.pool, { ...(await sentLogin(input)), sent: 1 });
    const login = { ...input, secretVersion: 1, purpose: 'login' as const };
    expect(await noteLogin(test.database.pool, login)).toBe('unanswered-twice');
  });

  it('to verify a password are counted apart', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const login = { ...input, secretVersion: 1, purpose: 'login' as const };
    await noteLogin(test.database.pool, login);
    await noteLoginAnswer(test.database.pool, login, 'accepted');
    expect(await noteLogin(test.database.pool, login)).toBe('accepted-before');
    expect(await noteLogin(test.database.pool, { ...login, purpose: 'verify' })).toMatchObject({ sent: 1 });
    expect(await wasAccepted(test.database.pool, { ...input, purpose: 'login' })).toBe(true);
    expect(await wasAccepted(test.database.pool, { ...input, purpose: 'verify' })).toBe(false);
  });

  it('are not sent for an operation that is no longer running', async () => {
    const store = await aStore(test.database);
    const { input } = await connecting(test.database, store);
    await disconnecting(test.database, store.id);
    expect(await noteLogin(test.database.pool, { ...input, secretVersion: 1, purpose: 'login' })).toBe(
      'not-running',
    );
  });

  it('keep the first answer', async () => {
    const { input } = await connecting(test.database, await aStore(test.database));
    const login = { ...input, secretVersion: 1, purpose: 'login' as const };
    await noteLogin(test.database.pool, login);
    await noteLoginAnswer(test.database.pool, login, 'accepted');
    await noteLoginAnswer(test.database.pool, login, 'wrong-password');
    expect(await noteLogin(test.database.pool, login)).toBe('accepted-before');
    const other = { ...login, secretVersion: 2 };
    await noteLogin(test.database.pool, other);
    await noteLoginAnswer(test.database.pool, other, 'wrong-password');
    await writeAcceptedLogin(test.database.pool, secrets, { ...other, sent: 1 }, undefined);
    expect(await noteLogin(test.database.pool, other)).toBe('wrong-before');
  });
});
