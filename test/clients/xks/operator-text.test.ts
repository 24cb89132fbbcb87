import { cleanText } from '../../../clients/xks/operator-text';
import { SECRET, TARGET } from './test-proxy';

const { credential } = TARGET;

describe("a stranger's text in a message", () => {
  const CLEANED: [what: string, text: string, cleaned: string][] = [
    ['plain words', 'The key is disabled.', 'The key is disabled.'],
    ['control characters and line ends', 'a\r\n\u001b[31mred\u0000', 'a?[31mred?'],
    ['letters beyond ASCII', 'größer \u{1f511}', 'gr?er ?'],
    ['the access key id', `no ${credential.accessKeyId} here`, 'no *** here'],
    ['the secret', `no ${SECRET} here`, 'no *** here'],
    ['a piece of the secret', `starts with ${SECRET.slice(3, 14)}!`, 'starts with ***!'],
    ['another access key id', 'id ABCDEFGHIJKLMNOPQRSTUVWX', 'id ***'],
    ['a signature', `Signature=${'9fd3'.repeat(16)}.`, '***.'],
  ];
  test.each(CLEANED)('with %s is cleaned', (_what, text, cleaned) => {
    expect(cleanText(text, credential)).toBe(cleaned);
  });

  test('is cut at 200 characters', () => {
    expect(cleanText('word '.repeat(1_000_000), credential)).toBe(`${'word '.repeat(40)}...`);
  });

  test('shows no piece of a secret at the place where it is cut', () => {
    for (let lead = 150; lead < 200; lead++)
      expect(cleanText(`${'. '.repeat(lead / 2)}${SECRET}`, credential)).not.toContain(SECRET.slice(0, 3));
  });
});
