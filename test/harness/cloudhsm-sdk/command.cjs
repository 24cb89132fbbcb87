/** What the three programs of the stand-in have in common: the log of what they were given, and faults. */
const { execFileSync } = require('node:child_process');
const { openSync, readFileSync, readSync, writeSync } = require('node:fs');
const { dirname, resolve } = require('node:path');
const { faultOf, record } = require('./state.cjs');

/** Values of these never enter the log. */
const SECRET = /PIN|PASSWORD|SECRET|TOKEN|_KEY|DATABASE_URL/;

/**
 * Runs a program of the SDK: `work(folder, args)` returns `{ code, answer }`; the answer is printed as JSON, or as it is
 * where it is a text.
 */
function runCommand(nameOf, work) {
  const folder = dirname(dirname(resolve(process.argv[1])));
  const args = process.argv.slice(2);
  const name = nameOf(args);
  const environment = Object.fromEntries(
    Object.entries(process.env).map(([key, value]) => [key, SECRET.test(key) ? '(not shown)' : value]),
  );
  record(folder, { name, args, environment, pid: process.pid });
  const fault = faultOf(folder, name);
  if (fault.effect === 'hang') return hang();
  if (fault.effect === 'crash') process.kill(process.pid, 'SIGKILL');
  if (fault.effect === 'answer') return finish(fault);
  const result = work(folder, args);
  if (fault.effect === 'hang-after') return hang();
  if (fault.effect === 'crash-after') process.kill(process.pid, 'SIGKILL');
  if (fault.effect === 'answer-after') return finish(fault);
  return finish(result);
}

/** Until it is killed, like everything that it started. */
function hang() {
  const { spawn } = require('node:child_process');
  spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'inherit' });
  setInterval(() => {}, 1e6);
}

function finish({ code = 0, answer, stderr = '' }) {
  process.stderr.write(stderr);
  process.stdout.write(typeof answer === 'string' ? answer : `${JSON.stringify(answer, null, 2)}\n`);
  process.exitCode = code;
}

/** The members of a command line `--name value [value]`, by name; a name that is not allowed ends the program. */
function optionsIn(args, allowed) {
  const options = {};
  let name;
  for (const arg of args) {
    if (arg.startsWith('-')) {
      if (!allowed.includes(arg)) throw new Error(`unexpected argument '${arg}' found`);
      options[(name = arg)] = [];
    } else if (name === undefined) throw new Error(`unexpected argument '${arg}' found`);
    else options[name].push(arg);
  }
  return options;
}

/**
 * Asks on the terminal of this process, without echo. Where there is none it fails like a program that uses nothing
 * else, unless `STAND_IN_READS_INPUT` is set: then it takes the lines of standard input.
 */
function askForPasswords(questions) {
  if (process.env.STAND_IN_READS_INPUT !== undefined) {
    process.stdout.write(questions.map((question) => `${question}\n`).join(''));
    return readFileSync(0, 'utf8').split('\n').slice(0, questions.length);
  }
  let terminal;
  try {
    terminal = openSync('/dev/tty', 'r+');
  } catch {
    throw new Error('No such device or address (os error 6)');
  }
  return questions.map((question) => {
    writeSync(terminal, question);
    execFileSync('stty', ['-echo'], { stdio: [terminal, 'ignore', 'ignore'] });
    const character = Buffer.alloc(1);
    let line = '';
    while (readSync(terminal, character) === 1 && character.toString() !== '\n') line += character.toString();
    execFileSync('stty', ['echo'], { stdio: [terminal, 'ignore', 'ignore'] });
    writeSync(terminal, '\n');
    return line;
  });
}

module.exports = { askForPasswords, optionsIn, runCommand };
