import { join } from 'node:path';
import { attributesOf, eventsOfType, fixtureNames, loadFixture } from './fixture';
import type { RecordedHistory } from './fixture';
import { encodePayload, readAll } from './payloads';

const EXAMPLE = join(__dirname, 'example-change');

/** Passwords that the scenarios give to clusters and key stores. */
const GIVEN_PASSWORDS = /kmsPswd\d/;
/** The form of what `rotatePassword` makes; one without a digit (1 of 270) could be a long word. */
const ROTATED_PASSWORD = /(?<![A-Za-z0-9])(?=[A-Za-z]*\d)[A-Za-z0-9]{32}(?![A-Za-z0-9])/;
/** Names of members under which a secret would travel. */
const SECRET_NAME = /password|session|secret|ciphertext/i;

/** What looks like a secret in a history, payloads decoded. */
function suspicious(history: RecordedHistory): string[] {
  const { names, texts } = readAll(history);
  return [
    ...names.filter((name) => SECRET_NAME.test(name)),
    ...texts.filter((text) => GIVEN_PASSWORDS.test(text) || ROTATED_PASSWORD.test(text)),
  ];
}

describe('a recorded history', () => {
  it.each(fixtureNames())('%s holds no password and no session id', (name) => {
    expect(suspicious(loadFixture(name).history)).toEqual([]);
  });

  it.each(fixtureNames(EXAMPLE))('%s of the example holds none either', (name) => {
    expect(suspicious(loadFixture(name, EXAMPLE).history)).toEqual([]);
  });

  it.each([
    ['a given password', { storeId: 'cks-1', note: 'kmsPswd1' }],
    ['a rotated password', 'h3Jb8cQm1ZxT0vRk5nYw7LdPs2GfUe9A'],
    ['a session id', { sessionId: '6f9a' }],
  ])('would be caught with %s in an argument', (_, value) => {
    const [name = ''] = fixtureNames();
    const { history } = loadFixture(name);
    const [event] = eventsOfType(history, 'ACTIVITY_TASK_SCHEDULED');
    attributesOf(event, 'activityTaskScheduled')['input'] = { payloads: [encodePayload(value)] };
    expect(suspicious(history)).not.toEqual([]);
  });
});
