import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toStepFailure } from '../../../../activities/step-failure';
import { projectFolder } from '../../../../cli/environment';
import { HsmFailure } from '../../../../clients/hsm/hsm-login';
import { KNOWN_RETURN_VALUES, verdictOf } from '../../../../clients/hsm/pkcs11/return-values';

const PAGE = readFileSync(join(projectFolder(), 'docs', 'connect-your-own-hsm.md'), 'utf8').split('\n');

/** Return values that the page names, with the code that a connect ends with by it. */
const ROWS = PAGE.filter((line) => line.startsWith('|')).flatMap((line) => {
  const [, happens = '', ends = ''] = line.split(/(?<!\\)\|/);
  const code = /`([A-Z_]+)`/.exec(ends)?.[1] ?? '';
  return [...happens.matchAll(/`(CKR_\w+)`/g)].map(([, name = '']) => ({ name, code }));
});

const NUMBERS = new Map([...KNOWN_RETURN_VALUES].map(([number, name]) => [name, number]));

/** What a connect may end with where the library returns this: before the login, from the login, from the change. */
function codesOf(name: string): (string | undefined)[] {
  const number = NUMBERS.get(name);
  if (number === undefined) return [];
  return ['C_OpenSession', 'C_Login', 'C_SetPIN'].map(
    (call) => toStepFailure(new HsmFailure(verdictOf(call, number).reason, ''))?.code,
  );
}

test('the page names return values of the library', () => {
  expect(ROWS.length).toBeGreaterThan(10);
});

test.each(ROWS)('the page is right: $name ends a connect with $code', ({ name, code }) => {
  expect(codesOf(name)).toContain(code);
});
