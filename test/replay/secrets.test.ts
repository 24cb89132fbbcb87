import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { attributesOf, eventsOfType, fixtureNames, loadFixture } from './fixture';
import type { RecordedEvent, RecordedHistory } from './fixture';
import { encodePayload, jsonIn, readAll, textInBase64 } from './payloads';

const EXAMPLE = join(__dirname, 'example-change');

/** Passwords that the scenarios give to clusters and key stores. */
const GIVEN_PASSWORDS = /kmsPswd\d/;
/** The form of what `rotatePassword` makes; one without a digit (1 of 270) could be a long word. */
const ROTATED_PASSWORD = /(?<![A-Za-z0-9])(?=[A-Za-z]*\d)[A-Za-z0-9]{32}(?![A-Za-z0-9])/;
/**
 * Key material in Base64 or hex. A raw secret access key has 43 to 64 characters and a master key 44; a session token has
 * hundreds, and what precedes a secret (`key=`) may look like a part of it, so that there is no upper bound.
 */
const KEY_MATERIAL = /[A-Za-z0-9/+=]{43,}/;
/** Names of members under which a secret would travel. */
const SECRET_NAME = /password|session|secret|token|credential|ciphertext/i;

/** What is as long as a key and none, as a whole text. */
const HARMLESS: readonly { what: string; because: string; is(text: string): boolean }[] = [
  {
    what: 'the build id of a worker',
    because: 'the SDK makes it of its version and the SHA-256 of the workflow bundle, which is public',
    is: (text) => /^@temporalio\/worker@[\d.]+\+[0-9a-f]{64}$/.test(text),
  },
  {
    what: 'the data of a payload',
    because: 'it is JSON in Base64, and searched by itself; no key is that',
    is: (text) => jsonIn(textInBase64(text) ?? '') !== undefined,
  },
];

const looksSecret = (text: string): boolean =>
  GIVEN_PASSWORDS.test(text) ||
  ROTATED_PASSWORD.test(text) ||
  (KEY_MATERIAL.test(text) && !HARMLESS.some(({ is }) => is(text)));

/** What looks like a secret in a history, payloads decoded. */
function suspicious(history: RecordedHistory): string[] {
  const { names, texts } = readAll(history);
  return [...names.filter((name) => SECRET_NAME.test(name)), ...texts.filter(looksSecret)];
}

describe('a recorded history', () => {
  it.each(fixtureNames())('%s holds no password, key, token or session id', (name) => {
    expect(suspicious(loadFixture(name).history)).toEqual([]);
  });

  it.each(fixtureNames(EXAMPLE))('%s of the example holds none either', (name) => {
    expect(suspicious(loadFixture(name, EXAMPLE).history)).toEqual([]);
  });

  it.each(HARMLESS)('holds $what, which must be allowed: $because', ({ is }) => {
    const texts = fixtureNames().flatMap((name) => readAll(loadFixture(name).history).texts);
    expect(texts.some((text) => KEY_MATERIAL.test(text) && is(text))).toBe(true);
  });
});

/** Key material that is always the same, of 1 to 64 bytes. */
const bytes = (length: number): Buffer => createHash('sha512').update('canary').digest().subarray(0, length);
const key = (length: number): string => bytes(64).toString('base64').slice(0, length);
const base64 = (text: string): string => Buffer.from(text).toString('base64');

const SECRETS = [
  ['a password as it was given', 'kmsPswd1'],
  ['a rotated password', 'h3Jb8cQm1ZxT0vRk5nYw7LdPs2GfUe9A'],
  ['the shortest raw secret access key', key(43)],
  ["a raw secret access key of the simulator's", bytes(36).toString('base64')],
  ['the longest raw secret access key', key(64)],
  ['a raw secret access key that somebody made of words', base64('correct horse battery staple and more')],
  ['a session token', `IQoJb3JpZ2luX2Vj${key(86).repeat(4)}==`],
  ['a master key in Base64', bytes(32).toString('base64')],
  ['a master key in hex', bytes(32).toString('hex')],
] as const;

/** A history with a secret in the first event of an activity. */
function withSecret(secret: string, put: Place): RecordedHistory {
  const [name = ''] = fixtureNames();
  const { history } = loadFixture(name);
  const [event] = eventsOfType(history, 'ACTIVITY_TASK_SCHEDULED');
  if (!event) throw new Error(`${name} has no activity`);
  put(event, secret);
  return history;
}

type Place = (event: RecordedEvent, secret: string) => void;

const argument =
  (valueOf: (secret: string) => unknown): Place =>
  (event, secret) => {
    attributesOf(event, 'activityTaskScheduled')['input'] = { payloads: [encodePayload(valueOf(secret))] };
  };

const PLACES: readonly [string, Place][] = [
  ['in an argument', argument((secret) => secret)],
  ['in a member of an argument', argument((secret) => ({ storeId: 'cks-1', note: [secret] }))],
  ['in Base64 in an argument', argument((secret) => base64(secret))],
  ['in Base64 in a member of an argument', argument((secret) => ({ note: base64(secret) }))],
  ['in JSON in an argument', argument((secret) => JSON.stringify({ note: base64(secret) }))],
  ['in a message', (event, secret) => (event['failure'] = { message: `no entry for key=${secret}; ask` })],
];

describe.each(SECRETS)('%s', (_, secret) => {
  it.each(PLACES)('would be caught %s', (__, put) => {
    expect(suspicious(withSecret(secret, put))).not.toEqual([]);
  });
});

it('a session id would be caught by the name that it travels under', () => {
  const session = argument((sessionId) => ({ sessionId }));
  expect(suspicious(withSecret('6f9a', session))).toEqual(['sessionId']);
});
