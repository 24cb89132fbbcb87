import { BaselineError, parseBaseline } from '../../conformance/baseline';

test.each([
  ['lines', '# known since 1.2\nload\n\n  get-health   # to be mended\n'],
  ['a JSON array', '["load", "get-health"]'],
])('a baseline is %s of ids', (_form, text) => {
  expect([...parseBaseline(text)]).toEqual(['load', 'get-health']);
});

test('an empty baseline knows of nothing', () => {
  expect(parseBaseline('').size).toBe(0);
});

test.each([
  ['an id that no check has', 'load\nget-helth\n', 'no check has the id "get-helth"'],
  ['a broken array', '["load"', 'it begins like a JSON array and is none'],
  ['an array of something else', '[1]', 'it is a JSON array with something else than texts'],
])('%s is an error that says so', (_what, text, message) => {
  expect(() => parseBaseline(text)).toThrow(new BaselineError(message));
});
