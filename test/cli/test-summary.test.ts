import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../../cli/environment';
import { temporaryFolder } from './folders';

const folder = temporaryFolder();

/** Runs jest on one file of tests with the project's reporter; the exit code, and what the reporter wrote. */
function run(
  tests: string,
  environment: Record<string, string> = {},
): { code: number | null; said: string[] } {
  writeFileSync(join(folder, 'one.test.js'), tests);
  const config = {
    rootDir: folder,
    reporters: [join(projectFolder(), 'test', 'setup', 'reporter.cjs')],
  };
  const jest = require.resolve('jest/bin/jest');
  const { KEYMOOR_TEST_SUMMARY_FILE: _file, KEYMOOR_REQUIRE_SOFTHSM: _require, ...inherited } = process.env;
  const { status, stdout } = spawnSync(process.execPath, [jest, '--config', JSON.stringify(config)], {
    encoding: 'utf8',
    env: { ...inherited, ...environment },
  });
  return { code: status, said: stdout.trim().split('\n') };
}

const TESTS = `
test('runs', () => undefined);
test.skip('is not for this platform', () => undefined);
describe.skip('a token (skipped: SoftHSM is missing)', () => {
  test('one', () => undefined);
  test('two', () => undefined);
});
test.skip('a table (skipped: pkcs11js is missing)', () => undefined);
`;

test('a run ends with one line, before which stands what was missing where tests were skipped', () => {
  expect(run(TESTS)).toEqual({
    code: 0,
    said: ['skipped: SoftHSM is missing', 'skipped: pkcs11js is missing', '1 passed, 0 failed, 4 skipped'],
  });
});

test('where SoftHSM is required, a test that was skipped for want of something fails the run', () => {
  expect(run(TESTS, { KEYMOOR_REQUIRE_SOFTHSM: '1' })).toEqual({
    code: 1,
    said: ['not run: SoftHSM is missing', 'not run: pkcs11js is missing', '1 passed, 3 failed, 1 skipped'],
  });
  expect(run("test('runs', () => undefined);", { KEYMOOR_REQUIRE_SOFTHSM: '1' })).toEqual({
    code: 0,
    said: ['1 passed, 0 failed'],
  });
});
