import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DescribeCustomKeyStoresCommand, KMSClient } from '@aws-sdk/client-kms';
import { startDev } from '../../e2e/dev-under-test';
import type { DevUnderTest } from '../../e2e/dev-under-test';
import { eventually } from '../../harness/eventually';
import { seconds, writeFigures } from './figures';
import {
  aFleetOf,
  connect,
  disconnect,
  expectWhole,
  makeStores,
  stateOf,
  untilAll,
  untilNothingRuns,
} from './fleet';
import { isLongForm } from './long-form';
import { watchStalls } from './stall-watch';

/*
 * Engines that are away, lost or restarted under a real supervisor, with operations in flight. The short form makes the
 * outages short and the fleets small; `KEYMOOR_LONG_OUTAGES=1` is the real thing, and writes down how long recovery took.
 */

jest.setTimeout(600_000);

const LIMIT = { limitMs: 240_000 };
const long = isLongForm();
let dev: DevUnderTest;

/** No process of ours, but the files that a killed supervisor left behind name it. */
let stranger: ChildProcess;

beforeAll(async () => {
  stranger = spawn('/bin/sh', ['-c', 'exec tail -f /dev/null'], { stdio: 'ignore' });
  const folder = mkdtempSync(join(tmpdir(), 'keymoor-e2e-'));
  leaveBehind(join(folder, 'home'), stranger.pid ?? 0);
  dev = await startDev({ KEYMOOR_SIMULATOR_PACE: '0.3' }, folder);
});

afterAll(async () => {
  await dev.close();
  stranger.kill('SIGKILL');
});

/** The files of a start whose processes have long ended, and whose pids are a stranger's now. */
function leaveBehind(home: string, pid: number): void {
  mkdirSync(home, { recursive: true });
  const names = ['postgres', 'temporal', 'simulator', 'worker', 'api'];
  const pids = Object.fromEntries(['supervisor', ...names].map((name) => [name, pid]));
  const nowhere = 'http://127.0.0.1:1';
  writeFileSync(
    join(home, 'endpoints.json'),
    JSON.stringify({ kms: nowhere, admin: nowhere, simulator: nowhere, workerAdmin: nowhere, pids }),
  );
  writeFileSync(
    join(home, 'children.json'),
    JSON.stringify(names.map((name) => ({ name, pid, identity: 'of another process' }))),
  );
  writeFileSync(join(home, 'supervisor.lock'), JSON.stringify({ pid, identity: 'of another process' }));
}

describe('what a killed supervisor left behind', () => {
  it('is not believed: a stranger that got the pids of its processes is left alone', () => {
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
    expect(Object.values(dev.endpoints().pids)).not.toContain(stranger.pid);
    expect(dev.endpoints().kms).not.toBe('http://127.0.0.1:1');
  });
});

/** The contract's bound on an answer where only Temporal is away. */
const WITHOUT_TEMPORAL_MS = 2_000;

/** Milliseconds since a moment of `performance.now()`. */
const since = (moment: number): number => performance.now() - moment;

/** Keeps an engine from serving for a while: it is killed as often as it comes back. */
async function keepAway(engine: 'temporal' | 'postgres', forMs: number): Promise<void> {
  const until = performance.now() + forMs;
  let killed: number | undefined;
  while (performance.now() < until) {
    const pid = dev.endpoints().pids[engine];
    if (pid !== undefined && pid !== killed) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it has just ended by itself
      }
      killed = pid;
    }
    await pause(20);
  }
}

const temporalServes = async (): Promise<boolean> => {
  const answer = await fetch(`${dev.endpoints().admin}/readyz`);
  return ((await answer.json()) as { temporal: string }).temporal === 'up';
};

describe('Temporal', () => {
  const AWAY_MS = long ? 60_000 : 5_000;
  const CONNECTS = long ? 50 : 12;

  it(`that is away while ${CONNECTS} Connects come: all are accepted in time, and all end CONNECTED`, async () => {
    const members = await makeStores(dev, aFleetOf(CONNECTS));
    const away = keepAway('temporal', AWAY_MS);
    const machine = watchStalls();
    const answers: number[] = [];
    const late: { tookMs: number; stalledMs: number }[] = [];
    for (const member of members) {
      const asked = performance.now();
      await connect(member);
      const tookMs = since(asked);
      answers.push(tookMs);
      const stalledMs = machine.stalledMs(asked, asked + tookMs);
      if (tookMs - stalledMs >= WITHOUT_TEMPORAL_MS) late.push({ tookMs, stalledMs });
    }
    machine.stop();
    expect(late).toEqual([]);
    await away;
    const stopped = performance.now();
    await eventually(temporalServes, Boolean, LIMIT);
    const returned = performance.now();
    expect(new Set(await untilAll(members, 'CONNECTED', 'FAILED'))).toEqual(new Set(['CONNECTED']));
    const outage = `Temporal, ${AWAY_MS / 1_000} s, while ${CONNECTS} Connects came`;
    writeFigures([
      [outage, 'longest answer of a Connect', `${Math.round(Math.max(...answers))} ms`],
      [outage, 'from the last kill to the first answer of Temporal', seconds(returned - stopped)],
      [outage, 'from there until the last was CONNECTED', seconds(since(returned))],
    ]);
    await expectWhole(dev, members);
  });

  it('whose data are lost, with operations of every kind in flight and ended: all that was accepted is finished', async () => {
    const each = long ? 4 : 1;
    const ended = await makeStores(dev, aFleetOf(3 * each));
    const disconnecting = await makeStores(dev, aFleetOf(3 * each));
    const connecting = await makeStores(dev, aFleetOf(3 * each));
    const failing = await makeStores(dev, ['cloudhsm'], { wrongPassword: true });
    const all = [...ended, ...disconnecting, ...connecting, ...failing];
    await Promise.all([...ended, ...disconnecting].map(connect));
    await untilAll([...ended, ...disconnecting], 'CONNECTED');
    await Promise.all([
      ...disconnecting.map(disconnect),
      ...connecting.map(connect),
      ...failing.map(connect),
    ]);
    await loseTemporal();
    const lost = performance.now();
    await eventually(temporalServes, Boolean, LIMIT);
    const returned = performance.now();
    await untilAll(disconnecting, 'DISCONNECTED');
    await untilAll(connecting, 'CONNECTED');
    await untilAll(failing, 'FAILED');
    await untilNothingRuns(dev, all);
    writeFigures([
      [
        `Temporal's data, with ${6 * each + 1} operations in flight`,
        'from the loss to the first answer of an empty Temporal',
        seconds(returned - lost),
      ],
      [
        `Temporal's data, with ${6 * each + 1} operations in flight`,
        'from there until the last was finished',
        seconds(since(returned)),
      ],
    ]);
    expect(await Promise.all(ended.map(stateOf))).toEqual(ended.map(() => 'CONNECTED'));
    await expectWhole(dev, all);

    // What stood before is still known, and can be taken down.
    await Promise.all([...ended, ...connecting].map(disconnect));
    await untilAll([...ended, ...connecting], 'DISCONNECTED');
    await expectWhole(dev, all);
  });
});

/** Ends Temporal and removes its data before it can start again. */
async function loseTemporal(): Promise<void> {
  const pid = dev.endpoints().pids.temporal ?? 0;
  process.kill(pid, 'SIGKILL');
  // At once: it is started again after a fifth of a second.
  for (const suffix of ['', '-wal', '-shm']) {
    rmSync(join(dev.home, 'home', 'temporal', `temporal.db${suffix}`), { force: true });
  }
}

describe('PostgreSQL', () => {
  const MEANS = [
    { how: 'ended fast', signal: 'SIGINT' },
    { how: 'killed', signal: 'SIGKILL' },
  ] as const;

  it.each(MEANS)(
    'that is $how under load: errors only while it is away, and nothing is lost',
    async ({ how, signal }) => {
      const members = await makeStores(dev, aFleetOf(long ? 30 : 6));
      const caller = new KMSClient({
        endpoint: dev.endpoints().kms,
        region: 'us-east-1',
        credentials: { accessKeyId: members[0]?.accountId ?? '', secretAccessKey: 'test' },
        maxAttempts: 1,
      });
      const load = new AbortController();
      const seen: { at: number; tookMs: number; error?: string }[] = [];
      const describing = (async () => {
        while (!load.signal.aborted) {
          const at = performance.now();
          const error = await caller.send(new DescribeCustomKeyStoresCommand({})).then(
            () => undefined,
            (reason: Error) => reason.name,
          );
          seen.push({ at, tookMs: since(at), ...(error !== undefined && { error }) });
          await pause(10);
        }
      })();
      const pid = dev.endpoints().pids.postgres ?? 0;
      const connects = members.map(async (member, index) => {
        await pause(index * 20);
        await connect(member);
      });
      await connects[0];
      process.kill(pid, signal);
      const ended = performance.now();
      await Promise.all(connects);
      await untilAll(members, 'CONNECTED', 'FAILED');
      const finished = performance.now();
      load.abort();
      await describing;
      caller.destroy();

      const errors = seen.filter(({ error }) => error !== undefined);
      expect(new Set(errors.map(({ error }) => error))).toEqual(new Set(['KMSInternalException']));
      expect(Math.max(...seen.map(({ tookMs }) => tookMs))).toBeLessThan(5_000);
      expect(await Promise.all(members.map(stateOf))).toEqual(members.map(() => 'CONNECTED'));
      await expectWhole(dev, members);
      const lastError = Math.max(...errors.map(({ at, tookMs }) => at + tookMs));
      const outage = `PostgreSQL, ${how}, under ${members.length} Connects and Describes`;
      writeFigures([
        [outage, 'from the signal until the last error that a caller got', seconds(lastError - ended)],
        [outage, 'longest answer', `${Math.round(Math.max(...seen.map(({ tookMs }) => tookMs)))} ms`],
        [outage, 'until the last Connect was CONNECTED', seconds(finished - ended)],
      ]);
    },
  );
});
