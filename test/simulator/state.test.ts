import { CreateSecurityGroupCommand, DescribeSecurityGroupsCommand, EC2Client } from '@aws-sdk/client-ec2';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Journal } from '../../simulator/world/journal';
import type { Change } from '../../simulator/world/journal';
import { World } from '../../simulator/world/world';
import { failure, REGION, TestSimulator } from './harness/simulator';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'simulator-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Starts a simulator in a process of its own; resolves when it listens. */
async function startProcess(stateDir: string): Promise<{ child: ChildProcess; url: string }> {
  const script = path.join(__dirname, 'harness', 'simulator-process.cjs');
  const child = spawn(process.execPath, [script, stateDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, url: chunk.toString().trim() };
}

function ec2Of(endpoint: string): EC2Client {
  const credentials = { accessKeyId: '000000000000', secretAccessKey: 'simulator' };
  return new EC2Client({ endpoint, region: REGION, credentials, maxAttempts: 1 });
}

test('SIGKILL in the middle of work loses nothing that was answered, time after time', async () => {
  const answered: string[] = [];
  for (let round = 0; round < 4; round++) {
    const { child, url } = await startProcess(folder);
    const ec2 = ec2Of(url);
    const known = (await ec2.send(new DescribeSecurityGroupsCommand({}))).SecurityGroups ?? [];
    expect(known.map((group) => group.GroupId)).toEqual(expect.arrayContaining(answered));

    const work = async (worker: number): Promise<void> => {
      for (let i = 0; ; i++) {
        const GroupName = `group-${round}-${worker}-${i}`;
        const { GroupId } = await ec2.send(new CreateSecurityGroupCommand({ GroupName, Description: 'd' }));
        answered.push(GroupId ?? '');
        if (answered.length % 40 === 0) child.kill('SIGKILL');
      }
    };
    const ended = once(child, 'exit');
    await Promise.all([0, 1, 2, 3].map((worker) => failure(work(worker))));
    await ended;
    ec2.destroy();
  }
  expect(answered.length).toBeGreaterThanOrEqual(160);
});

test('the folder and its files are for their owner alone', async () => {
  const stateDir = path.join(folder, 'deep', 'simulator');
  World.open(stateDir).close();
  expect((await stat(stateDir)).mode & 0o777).toBe(0o700);
  expect((await stat(path.join(stateDir, 'world.jsonl'))).mode & 0o777).toBe(0o600);
});

test('state, keys and certificates survive a restart', async () => {
  const simulator = await TestSimulator.start();
  const made = await simulator.createCluster({ activeHsms: 3 });
  await simulator.control('PATCH', `/clusters/${made.ClusterId}`, { kmsuser: { locked: true } });
  const before = await simulator.control('GET', `/clusters/${made.ClusterId}`);
  await simulator.restart();
  expect(await simulator.control('GET', `/clusters/${made.ClusterId}`)).toEqual(before);
  const related = await simulator.createCluster({ relatedTo: made.ClusterId });
  expect(related.TrustAnchorCertificate).toBe(made.TrustAnchorCertificate);
  expect(related.SubnetIds).not.toContain(made.SubnetIds[0]);
  await simulator.dispose();
});

test('the list of calls survives a restart', async () => {
  const simulator = await TestSimulator.start();
  await simulator.ec2().send(new DescribeSecurityGroupsCommand({}));
  await simulator.restart();
  expect(await simulator.control('GET', '/calls')).toMatchObject([
    { operation: 'DescribeSecurityGroups', outcome: 'ok' },
  ]);
  await simulator.dispose();
});

describe('the journal', () => {
  const record = (id: string): Change => ['faults', id, { id, accountId: '' }];
  const file = (): string => path.join(folder, 'journal.jsonl');
  const contents = (): string[] => {
    const ids = new Set<string>();
    new Journal(file()).read(([, id, value]) => {
      if (value === null) ids.delete(id);
      else ids.add(id);
    });
    return [...ids];
  };

  test('keeps a request whole or not at all, wherever it was cut off', async () => {
    const journal = new Journal(file());
    journal.rewrite([record('one')]);
    journal.append([record('two'), record('three')]);
    const before = (await stat(file())).size;
    journal.append([record('four'), ['faults', 'one', null]]);
    journal.close();
    const after = (await stat(file())).size;
    expect(contents()).toEqual(['two', 'three', 'four']);
    const whole = await readFile(file());
    for (let length = before; length < after; length++) {
      await writeFile(file(), whole);
      await truncate(file(), length);
      expect(contents()).toEqual(['one', 'two', 'three']);
    }
  });

  test('that is damaged elsewhere is reported by line and file', async () => {
    new Journal(file()).rewrite([record('one')]);
    await appendFile(file(), 'not json\n');
    expect(contents).toThrow(/journal\.jsonl is damaged in line 3/);
  });

  test('forgets its history when that has grown', () => {
    const journal = new Journal(file());
    journal.rewrite([]);
    const large = { id: 'large', accountId: '', text: 'x'.repeat(1_000_000) };
    for (let i = 0; i < 8; i++) journal.append([['faults', 'large', large]]);
    expect(journal.wantsRewrite).toBe(false);
    journal.append([['faults', 'large', large]]);
    expect(journal.wantsRewrite).toBe(true);
    journal.rewrite([['faults', 'large', large]]);
    expect(journal.wantsRewrite).toBe(false);
    journal.append([record('small')]);
    journal.close();
    expect(contents()).toEqual(['large', 'small']);
  });
});
