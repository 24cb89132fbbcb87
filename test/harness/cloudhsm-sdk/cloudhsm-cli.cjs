/** `cloudhsm-cli` in single command mode: `user list` and `user change-password`. */
const { askForPasswords, optionsIn, runCommand } = require('./command.cjs');
const { change, configuredCluster, isLocked, passwordWorks, setPassword } = require('./state.cjs');

const failure = (text) => ({ code: 1, answer: { error_code: 1, data: text } });

function userList(folder) {
  const { cluster, problem } = configuredCluster(folder, 'cli');
  if (problem !== undefined) return failure(problem);
  const up = cluster.hsms.filter((hsm) => hsm.up).map((hsm) => hsm.address);
  const users = cluster.users
    .map((user) => ({ ...user, on: user.on === undefined ? up : user.on.filter((hsm) => up.includes(hsm)) }))
    .filter((user) => user.on.length > 0)
    .map(({ username, role, on }) => ({
      username,
      role,
      locked: String(username === 'kmsuser' && isLocked(cluster)),
      mfa: [],
      'cluster-coverage': on.length === up.length ? 'full' : 'inconsistent',
    }));
  return { answer: { error_code: 0, data: { users } } };
}

function changePassword(folder, args) {
  let options;
  try {
    options = optionsIn(args, ['--username', '--role']);
  } catch (error) {
    return { code: 2, answer: '', stderr: `error: ${error.message}\n` };
  }
  const { cluster, problem } = configuredCluster(folder, 'cli');
  if (problem !== undefined) return failure(problem);
  const pin = /^([^:]+):(.+)$/.exec(process.env.CLOUDHSM_PIN ?? '');
  if (process.env.CLOUDHSM_ROLE !== 'crypto-user' || pin === null)
    return failure('CLOUDHSM_ROLE and CLOUDHSM_PIN do not say who logs in');
  const [, username, currentPassword] = pin;
  const user = cluster.users.find((one) => one.username === username && one.role === 'crypto-user');
  if (user === undefined) return failure('The user does not exist');
  if (isLocked(cluster)) return failure('The user is locked');
  if (!passwordWorks(folder, cluster, username, currentPassword)) {
    change(folder, cluster.clusterId, (one) => one.failedLogins++);
    return failure('Incorrect authentication credentials');
  }
  change(folder, cluster.clusterId, (one) => (one.failedLogins = 0));
  if (options['--username']?.[0] !== username || options['--role']?.[0] !== 'crypto-user')
    return failure('A crypto user may change its own password only');
  if (cluster.loggedInElsewhere) return failure('The user is logged in to the cluster');
  let entered;
  let confirmed;
  try {
    [entered, confirmed] = askForPasswords(['Enter password: ', 'Confirm password: ']);
  } catch (error) {
    return { code: 1, answer: '', stderr: `error: ${error.message}\n` };
  }
  if (entered !== confirmed) return failure('Passwords do not match');
  if (!/^[A-Za-z0-9]{7,32}$/.test(entered)) return failure('The password must be 7 to 32 characters long');
  setPassword(folder, cluster, username, entered);
  return { answer: { error_code: 0, data: { username, role: 'crypto-user' } } };
}

const COMMANDS = { 'user list': userList, 'user change-password': changePassword };

const nameOf = (args) => args.slice(0, 2).join(' ');
runCommand(nameOf, (folder, args) => {
  const command = COMMANDS[nameOf(args)];
  return command === undefined
    ? { code: 2, answer: '', stderr: 'error: unrecognized subcommand\n' }
    : command(folder, args.slice(2));
});
