import { createServer } from 'node:http';
import { childEnvironment } from '../../../../clients/hsm/child-environment';
import { runProgram } from '../../../../clients/hsm/cloudhsm/run-program';
import type { ProgramEnd } from '../../../../clients/hsm/cloudhsm/run-program';
import { eventually } from '../../eventually';

const LIMIT = { timeoutMs: 20_000 };

function node(script: string, limits: { timeoutMs: number; signal?: AbortSignal } = LIMIT, input = '') {
  const args = ['-e', script];
  return runProgram({ file: process.execPath, args, environment: childEnvironment({}), input }, limits);
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('running a program', () => {
  test('its exit code and what it wrote are told', async () => {
    await expect(node("console.log('out'); console.error('err'); process.exitCode = 3")).resolves.toEqual({
      how: 'exited',
      code: 3,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });

  test('it reads its standard input to the end', async () => {
    const end = await node('process.stdin.pipe(process.stdout)', LIMIT, 'one\ntwo\n');
    expect(end).toMatchObject({ code: 0, stdout: 'one\ntwo\n' });
  });

  test('replies are given one by one, each to its question, and not before', async () => {
    const script = `
      const questions = ['One: ', 'Two: '];
      process.stdout.write('Hello.\\n' + questions[0]);
      process.stdin.on('data', (chunk) => {
        process.stdout.write('[' + chunk.toString().trim() + ']\\n');
        questions.shift();
        if (questions.length === 0) process.exit();
        process.stdout.write(questions[0].slice(0, 2));
        setImmediate(() => process.stdout.write(questions[0].slice(2)));
      });`;
    const input = [
      { to: /One: /, text: '1\n' },
      { to: /Two: /, text: '2\n' },
    ];
    const environment = childEnvironment({});
    const end = await runProgram({ file: process.execPath, args: ['-e', script], environment, input }, LIMIT);
    expect(end).toMatchObject({ code: 0, stdout: 'Hello.\nOne: [1]\nTwo: [2]\n' });
  });

  test('one that does not read its input is no failure', async () => {
    await expect(node('', LIMIT, 'x'.repeat(1_000_000))).resolves.toMatchObject({ how: 'exited', code: 0 });
  });

  test('no shell reads its arguments', async () => {
    const args = ['-e', 'console.log(process.argv[1])', '$(id) `id` ; *'];
    const end = await runProgram({ file: process.execPath, args, environment: {}, input: '' }, LIMIT);
    expect(end).toMatchObject({ stdout: '$(id) `id` ; *\n' });
  });

  test.each([
    ['that is not there', '/nowhere/at-all', 'ENOENT'],
    ['that is no program', __filename, 'EACCES'],
  ])('one %s was not started', async (_, file, why) => {
    await expect(runProgram({ file, args: [], environment: {}, input: '' }, LIMIT)).resolves.toEqual({
      how: 'not-started',
      why,
    });
  });

  test('when it is given up it is killed with everything that it started', async () => {
    const pids: number[] = [];
    const server = createServer((request, response) => {
      pids.push(...(request.url ?? '').slice(1).split('-').map(Number));
      response.end();
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const control = new AbortController();
    const end = node(
      `const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'inherit' });
       require('node:http').get('http://127.0.0.1:${port}/' + process.pid + '-' + child.pid);
       setInterval(() => {}, 1e6)`,
      { timeoutMs: 20_000, signal: control.signal },
    );
    await eventually(() => pids.length === 2, 15_000);
    expect(pids.map(lives)).toEqual([true, true]);
    control.abort();
    await expect(end).resolves.toEqual({ how: 'cut-off', why: 'given up' });
    await eventually(() => !pids.some(lives));
    server.close();
  });

  test('after its time it is cut off', async () => {
    await expect(node('setInterval(() => {}, 1e6)', { timeoutMs: 300 })).resolves.toEqual({
      how: 'cut-off',
      why: 'no answer within 300 ms',
    });
  });

  test('one whose signal was aborted before is never started', async () => {
    await expect(node('', { ...LIMIT, signal: AbortSignal.abort() })).resolves.toMatchObject({
      how: 'not-started',
    });
  });

  test.each<[string, string, Partial<ProgramEnd>]>([
    ['that crashes', 'process.kill(process.pid, "SIGSEGV")', { how: 'cut-off', why: 'ended by SIGSEGV' }],
    [
      'that writes without end',
      'const more = () => process.stdout.write("x".repeat(65536), more); more()',
      { how: 'cut-off', why: 'its output is too long' },
    ],
  ])('one %s is cut off', async (_, script, expected) => {
    await expect(node(script)).resolves.toEqual(expected);
  });
});

describe('the environment of a program', () => {
  const OURS = [
    'DATABASE_URL',
    'PGPASSWORD',
    'TEMPORAL_API_KEY',
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SESSION_TOKEN',
    'KEYMOOR_XKS_SECRET_ACCESS_KEY',
    'CLOUDHSM_PIN',
    'CLOUDHSM_ROLE',
    'DESTINATION_CLOUDHSM_PIN',
    'NODE_EXTRA_CA_CERTS',
  ];
  const before = { ...process.env };
  afterEach(() => {
    for (const name of OURS) {
      if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = before[name];
    }
  });

  test('it is ours, less our secrets and what would speak in our place, and what is added', () => {
    for (const name of OURS) process.env[name] = 'ours';
    const given = childEnvironment({ CLOUDHSM_ROLE: 'crypto-user' });
    expect(given['PATH']).toBe(process.env['PATH']);
    expect(given['CLOUDHSM_ROLE']).toBe('crypto-user');
    for (const name of OURS.filter((one) => one !== 'CLOUDHSM_ROLE')) expect(given).not.toHaveProperty(name);
  });
});
