import {
  changePasswordCommands,
  checkConfigured,
  checkPasswordChanged,
  clientSdkIn,
  neverBegan,
  configureCommands,
  userListCommand,
  usersOf,
} from '../../../../clients/hsm/cloudhsm/client-sdk';
import type { ProgramEnd, Reply } from '../../../../clients/hsm/cloudhsm/run-program';
import { HsmFailure } from '../../../../clients/hsm/hsm-login';
import type { HsmFailureReason } from '../../../../clients/hsm/hsm-login';

const SDK = clientSdkIn('/opt/cloudhsm');
const LIST = userListCommand(SDK);
const CURRENT = 'currentPassword1';
const NEW = 'newPassword2';
const CHANGES = changePasswordCommands(SDK, {
  username: 'kmsuser',
  currentPassword: CURRENT,
  newPassword: NEW,
});
const [CHANGE = LIST, PLAIN_CHANGE = LIST] = CHANGES;

const exited = (stdout: string | object, code = 0, stderr = ''): ProgramEnd => ({
  how: 'exited',
  code,
  stdout: typeof stdout === 'string' ? stdout : JSON.stringify(stdout),
  stderr,
});
const user = (members: object = {}): object => ({
  username: 'kmsuser',
  role: 'crypto-user',
  locked: 'false',
  mfa: [],
  'cluster-coverage': 'full',
  ...members,
});
const users = (...of: unknown[]): object => ({ error_code: 0, data: { users: of } });
const refused = (text: unknown): ProgramEnd => exited({ error_code: 1, data: text }, 1);

function failureOf(check: () => unknown): HsmFailure {
  try {
    check();
  } catch (error) {
    if (error instanceof HsmFailure) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('command lines of the Client SDK', () => {
  test('both configure tools get all addresses and the trust anchor', () => {
    const commands = configureCommands(SDK, {
      addresses: ['10.0.1.2', '10.0.1.3'],
      trustAnchorFile: '/ca.crt',
    });
    expect(commands.map(({ file, args }) => [file, ...args])).toEqual([
      ['/opt/cloudhsm/bin/configure-cli', '-a', '10.0.1.2', '10.0.1.3', '--hsm-ca-cert', '/ca.crt'],
      ['/opt/cloudhsm/bin/configure-pkcs11', '-a', '10.0.1.2', '10.0.1.3', '--hsm-ca-cert', '/ca.crt'],
    ]);
  });

  test('users are listed without a login', () => {
    expect(LIST).toEqual({
      file: '/opt/cloudhsm/bin/cloudhsm-cli',
      args: ['user', 'list'],
      environment: {},
      input: '',
    });
  });

  test('a change gives the password in force in the environment, and the new one when it is asked for', () => {
    const command =
      "'/opt/cloudhsm/bin/cloudhsm-cli' 'user' 'change-password' '--username' 'kmsuser' '--role' 'crypto-user'";
    // On the terminal of `script` no signal of ours reaches it, so that it has a limit of its own where there is one.
    const limited = `command -v timeout > /dev/null 2>&1 && exec timeout --foreground -s KILL 60 ${command}`;
    expect(CHANGE).toMatchObject({
      file: 'script',
      args: ['-q', '-e', '-c', `${limited}; exec ${command}`, '/dev/null'],
      environment: { CLOUDHSM_ROLE: 'crypto-user', CLOUDHSM_PIN: `kmsuser:${CURRENT}`, SHELL: '/bin/sh' },
      input: [{ text: `${NEW}\n` }, { text: `${NEW}\n` }],
    });
  });

  test('without script it gives the new one twice on standard input', () => {
    expect(PLAIN_CHANGE).toEqual({
      file: '/opt/cloudhsm/bin/cloudhsm-cli',
      args: ['user', 'change-password', '--username', 'kmsuser', '--role', 'crypto-user'],
      environment: { CLOUDHSM_ROLE: 'crypto-user', CLOUDHSM_PIN: `kmsuser:${CURRENT}` },
      input: `${NEW}\n${NEW}\n`,
    });
  });

  test('a folder with blanks and quotes in its name is one word for the shell', () => {
    const [odd] = changePasswordCommands(clientSdkIn("/o'p t/$(id)"), {
      username: 'kmsuser',
      currentPassword: CURRENT,
      newPassword: NEW,
    });
    expect(odd?.args[3]).toContain("'/o'\\''p t/$(id)/bin/cloudhsm-cli' 'user'");
  });

  test.each([
    [0, 'Enter password:'],
    [0, 'Enter new password: '],
    [1, 'Confirm password:'],
    [1, 'Re-enter the new password:'],
  ])('reply %i is to the question %j', (index, question) => {
    const replies = Array.isArray(CHANGE.input) ? (CHANGE.input as Reply[]) : [];
    expect(replies[index]?.to.test(question)).toBe(true);
  });
});

describe('what user list answers', () => {
  const KMSUSER = { username: 'kmsuser', type: 'CU', onEveryHsm: true, locked: false };

  test.each<[string, string | object, object[]]>([
    ['the documented answer', users(user()), [KMSUSER]],
    ['no user', users(), []],
    [
      'an admin',
      users(user({ username: 'admin', role: 'admin' })),
      [{ ...KMSUSER, username: 'admin', type: 'CO' }],
    ],
    [
      'the appliance user',
      users(user({ username: 'app_user', role: 'internal(APPLIANCE_USER)' })),
      [{ ...KMSUSER, username: 'app_user', type: 'AU' }],
    ],
    ['a role that is not known here', users(user({ role: 'auditor' })), [{ ...KMSUSER, type: 'auditor' }]],
    ['a locked user', users(user({ locked: 'true' })), [{ ...KMSUSER, locked: true }]],
    [
      'one that some HSMs have locked',
      users(user({ locked: 'inconsistent' })),
      [{ ...KMSUSER, locked: true }],
    ],
    [
      'one that some HSMs do not know',
      users(user({ 'cluster-coverage': 'inconsistent' })),
      [{ ...KMSUSER, onEveryHsm: false }],
    ],
    [
      'one that is not the same everywhere',
      users(user({ role: 'inconsistent' })),
      [{ ...KMSUSER, type: 'inconsistent', onEveryHsm: false }],
    ],
    ['members that are new', { ...users(user({ quorum: [] })), version: 2 }, [KMSUSER]],
    ['a name in upper case', users(user({ username: 'KMSUser' })), [KMSUSER]],
    ['JSON over several lines', JSON.stringify(users(user()), null, 2), [KMSUSER]],
    ['warnings before and after it', `WARN {tls} old {\n${JSON.stringify(users(user()))}\nbye\n`, [KMSUSER]],
  ])('%s is read', (_, stdout, expected) => {
    expect(usersOf(exited(stdout), LIST, 'cluster c')).toEqual(expected);
  });

  test.each<[string, ProgramEnd, HsmFailureReason]>([
    ['nothing', exited(''), 'unreachable'],
    ['broken JSON', exited('{"error_code":0,"data":{"users":[{"username":'), 'unreachable'],
    ['JSON of something else', exited('{"version":"5.16"}'), 'unreachable'],
    ['null', exited('null'), 'unreachable'],
    ['data that is no list', exited({ error_code: 0, data: { users: {} } }), 'unreachable'],
    ['no data', exited({ error_code: 0 }), 'unreachable'],
    ['a user without a role', exited(users({ username: 'kmsuser' })), 'unreachable'],
    ['a user that is null', exited(users(null)), 'unreachable'],
    ['an error', refused('Could not connect'), 'unreachable'],
    ['a text on standard error', exited('', 2, 'error: unknown\n'), 'unreachable'],
    ['a time-out', { how: 'cut-off', why: 'no answer within 1 ms' }, 'unreachable'],
    ['a program that is not there', { how: 'not-started', why: 'ENOENT' }, 'unusable-library'],
  ])('%s is a failure: %j → %s', (_, end, reason) => {
    expect(failureOf(() => usersOf(end, LIST, 'cluster c')).reason).toBe(reason);
  });

  test('a user is locked unless it is said not to be', () => {
    const [read] = usersOf(exited(users(user({ locked: undefined }))), LIST, 'cluster c');
    expect(read).toMatchObject({ locked: true });
  });

  test('the failure tells what the program said', () => {
    const { message } = failureOf(() => usersOf(refused('No HSM\nanswered'), LIST, 'cluster c'));
    expect(message).toMatch(/^cluster c: .*\(No HSM answered\)/);
  });
});

describe('what user change-password answers', () => {
  const DONE = { error_code: 0, data: { username: 'kmsuser', role: 'crypto-user' } };
  const check = (end: ProgramEnd): void => checkPasswordChanged(end, CHANGE, 'cluster c', [CURRENT, NEW]);

  test.each([
    ['the documented answer', exited(DONE)],
    [
      'the answer behind the prompts',
      exited(`Enter password:\nConfirm password:\n${JSON.stringify(DONE)}\n`),
    ],
    [
      'the answer on the line of a prompt',
      exited(`Enter password: Confirm password: ${JSON.stringify(DONE)}`),
    ],
    ['the answer with members that are new', exited({ ...DONE, warning: 'none' })],
  ])('%s is a success', (_, end) => {
    expect(() => check(end)).not.toThrow();
  });

  test.each<[ProgramEnd, HsmFailureReason]>([
    [refused('User kmsuser is already logged in'), 'logged-in-elsewhere'],
    [refused('The user is currently logged in to the cluster'), 'logged-in-elsewhere'],
    [refused('This account is locked'), 'locked-out'],
    [refused('User is locked out'), 'locked-out'],
    [refused('Login failure: incorrect PIN'), 'wrong-password'],
    [refused('Incorrect authentication credentials.'), 'wrong-password'],
    [refused('Authentication failed'), 'wrong-password'],
    [refused('The user does not exist'), 'user-not-found'],
    [refused('User kmsuser not found'), 'user-not-found'],
    [refused('Password must be between 7 and 32 characters'), 'invalid-password'],
    [refused('The input device is not a TTY'), 'unusable-library'],
    [exited('', 1, 'Error: No such device or address (os error 6)'), 'unusable-library'],
    [refused('You are not logged in'), 'hsm-error'],
    [refused('The user is not logged in'), 'hsm-error'],
    [refused('The block cannot be read'), 'hsm-error'],
    [refused('Something else'), 'hsm-error'],
    [refused({ code: 7 }), 'hsm-error'],
    [exited('', 2, 'error: unexpected argument'), 'hsm-error'],
    [exited({ error_code: 1, data: 'Something else' }, 0), 'hsm-error'],
    [exited(DONE, 1), 'no-answer'],
    [exited(''), 'no-answer'],
    [exited('Enter password:'), 'no-answer'],
    [exited('{"error_code":0,"da'), 'no-answer'],
    [{ how: 'cut-off', why: 'no answer within 1 ms' }, 'no-answer'],
    [{ how: 'cut-off', why: 'ended by SIGSEGV' }, 'no-answer'],
    [exited('', 137), 'no-answer'],
    [exited('Enter password: ', 129), 'no-answer'],
    [{ how: 'not-started', why: 'EACCES' }, 'unusable-library'],
  ])('%j is %s', (end, reason) => {
    expect(failureOf(() => check(end)).reason).toBe(reason);
  });

  test.each([
    ['in the answer', refused(`Password ${NEW} is not allowed for kmsuser:${CURRENT}`)],
    ['on standard error', exited(NEW, 1, `pin=kmsuser:${CURRENT}`)],
    ['at the place where the text is cut', refused(`${'a'.repeat(195)}${NEW}`)],
  ])('a password that the CLI repeats %s never enters the message', (_, end) => {
    const { message } = failureOf(() => check(end));
    expect(message).not.toContain(CURRENT);
    expect(message).not.toContain(NEW);
    expect(message).not.toContain(NEW.slice(0, 5));
    expect(message.length).toBeLessThan(600);
  });
});

describe('what a configure tool answers', () => {
  const [command] = configureCommands(SDK, { addresses: ['10.0.1.2'], trustAnchorFile: '/ca.crt' });
  const check = (end: ProgramEnd): void => checkConfigured(end, command ?? LIST, 'cluster c');

  test('its exit code tells', () => {
    expect(() => check(exited('Configured.'))).not.toThrow();
    expect(failureOf(() => check(exited('', 1, 'Permission denied')))).toMatchObject({
      reason: 'unusable-library',
      message: expect.stringContaining('Permission denied') as unknown,
    });
  });

  test('one that does not end leads nowhere, one that cannot be run is not the SDK', () => {
    expect(failureOf(() => check({ how: 'cut-off', why: 'late' })).reason).toBe('unreachable');
    expect(failureOf(() => check({ how: 'not-started', why: 'ENOENT' })).reason).toBe('unusable-library');
  });
});

test.each([
  { end: { how: 'not-started', why: 'ENOENT' }, never: true },
  {
    end: {
      how: 'exited',
      code: 1,
      stdout: '',
      stderr: 'script: failed to create pseudo-terminal: No such file\n',
    },
    never: true,
  },
  { end: { how: 'exited', code: 0, stdout: 'script: pty\n', stderr: '' }, never: false },
  { end: { how: 'exited', code: 1, stdout: '{"error_code":1,"data":"No pty"}', stderr: '' }, never: false },
  { end: { how: 'cut-off', why: 'given up' }, never: false },
] as const)('whether a command of script ever began: %j', ({ end, never }) => {
  expect(neverBegan(end)).toBe(never);
});

test.each([
  ['Failed to acquire lock on configuration file', 'hsm-error'],
  ['connection lock timeout', 'hsm-error'],
  ['Quorum policy: password change must be approved', 'hsm-error'],
  ['User is locked out', 'locked-out'],
  ['The account kmsuser is locked', 'locked-out'],
])('the CLI saying %j is %s', (data, reason) => {
  const stdout = JSON.stringify({ error_code: 1, data });
  const end = { how: 'exited', code: 1, stdout, stderr: '' } as const;
  expect(() => checkPasswordChanged(end, CHANGE, 'cluster', [])).toThrow(expect.objectContaining({ reason }));
});
