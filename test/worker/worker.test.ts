import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiMetrics } from '../../api/metrics';
import { createWorkerMetrics } from '../../worker/metrics';
import { startWorker } from '../../worker/worker';
import { startConnectWorld } from '../harness/connect-world';
import type { ConnectWorld } from '../harness/connect-world';
import { startTcpProxy } from '../api/harness/tcp-proxy';
import { eventually } from '../harness/eventually';

let world: ConnectWorld;

beforeAll(async () => {
  world = await startConnectWorld();
});

afterAll(() => world.close());

const get = async (url: string): Promise<{ status: number; text: string }> => {
  const answer = await fetch(url);
  return { status: answer.status, text: await answer.text() };
};

describe("the worker's listener", () => {
  it('is healthy, and ready when it polls Temporal and reaches the database', async () => {
    expect((await get(`${world.worker.adminUrl}/healthz`)).status).toBe(200);
    const ready = await eventually(
      () => get(`${world.worker.adminUrl}/readyz`),
      ({ status }) => status === 200,
    );
    expect(JSON.parse(ready.text)).toEqual({ database: 'up', temporal: 'up', polling: true });
  });

  it("serves the SDK's metrics and our own", async () => {
    const { store } = await world.aStore();
    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED');
    const { text } = await get(`${world.worker.adminUrl}/metrics`);
    expect(text).toMatch(/^keymoor_step_attempts_total\{step="findCluster",end="succeeded"\} [1-9]/m);
    expect(text).toMatch(/^temporal_activity_/m);
  });

  it('and the API serve every metric that docs/operations.md names', async () => {
    const page = readFileSync(join(__dirname, '..', '..', 'docs', 'operations.md'), 'utf8');
    const named = [...new Set(page.match(/\b(keymoor|temporal)_[a-z]+_[a-z_]+\b/g))];
    const { store } = await world.aStore();
    await world.connect(store.id);
    await world.untilState(store.id, 'CONNECTED');
    const { text } = await get(`${world.worker.adminUrl}/metrics`);
    const served = `${text}\n${await new ApiMetrics(world.database).registry.metrics()}`;
    const isServed = (name: string): boolean =>
      new RegExp(`^# TYPE ${name.replace(/_bucket$/, '')} `, 'm').test(served);
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((name) => !isServed(name))).toEqual([]);
  });

  it('and the API know every label that a query in docs/operations.md asks for', async () => {
    const page = readFileSync(join(__dirname, '..', '..', 'docs', 'operations.md'), 'utf8');
    const registries = [
      createWorkerMetrics(world.database).registry,
      new ApiMetrics(world.database).registry,
    ];
    const labelsOf = (metric: string): string[] =>
      registries.flatMap((registry) => {
        const known = registry.getSingleMetric(metric) as { labelNames?: string[] } | undefined;
        return known?.labelNames ?? [];
      });
    const asked = [...page.matchAll(/`([^`]*\bkeymoor_[^`]*)`/g)].flatMap(([, query = '']) => {
      const by = [...(/\bby \(([^)]*)\)/.exec(query)?.slice(1) ?? [])].flatMap((list) => list.split(/,\s*/));
      return [...query.matchAll(/\b(keymoor_\w+?)(_bucket)?(?:\{([^}]*)\}|\b)/g)].flatMap(
        ([, metric = '', , matchers = '']) =>
          [...by, ...[...matchers.matchAll(/(\w+)\s*=~?/g)].map(([, label = '']) => label)]
            .filter((label) => label !== 'le')
            .map((label) => ({ metric, label })),
      );
    });
    expect(asked.length).toBeGreaterThan(8);
    expect(asked.filter(({ metric, label }) => !labelsOf(metric).includes(label))).toEqual([]);
  });

  it('tells what is under way, and for how long', async () => {
    const { store } = await world.aStore();
    const { accountId } = store;
    await world.simulator.fault({
      service: 'ec2',
      operation: 'CreateSecurityGroup',
      effect: 'hold',
      accountId,
    });
    await world.connect(store.id);
    const seen = async (): Promise<{ count: number; oldest: number }> => {
      const { text } = await get(`${world.worker.adminUrl}/metrics`);
      const gauge = (name: string): number =>
        Number(new RegExp(`^${name}\\{kind="connect"\\} (.+)$`, 'm').exec(text)?.[1]);
      return {
        count: gauge('keymoor_unsettled_operations'),
        oldest: gauge('keymoor_oldest_unsettled_operation_seconds'),
      };
    };
    const during = await seen();
    expect(during.count).toBe(1);
    expect(during.oldest).toBeGreaterThan(0);
    await world.simulator.deleteFaults();
    await world.untilState(store.id, 'CONNECTED');
    expect(await seen()).toEqual({ count: 0, oldest: 0 });
  });

  it.each([
    ['the database', { databaseUrl: 'postgresql://x:y@127.0.0.1:1/none' }, { database: 'down' }],
    [
      'Temporal',
      { temporal: { connection: { address: '127.0.0.1:1' }, namespace: 'default' } },
      { temporal: 'down', polling: false },
    ],
  ])('is healthy and not ready without %s', async (_what, away, seen) => {
    const lame = await startWorker({ ...world.workerConfig, ...away });
    try {
      expect((await get(`${lame.adminUrl}/healthz`)).status).toBe(200);
      const ready = await get(`${lame.adminUrl}/readyz`);
      expect(ready.status).toBe(503);
      expect(JSON.parse(ready.text)).toMatchObject(seen);
    } finally {
      await lame.close();
    }
  });

  it('counts a database that hangs as down within five seconds', async () => {
    const real = new URL(world.databaseUrl);
    const proxy = await startTcpProxy({ host: real.hostname, port: Number(real.port) });
    const through = new URL(real);
    through.port = String(proxy.port);
    const lame = await startWorker({ ...world.workerConfig, databaseUrl: through.href });
    try {
      await eventually(
        () => get(`${lame.adminUrl}/readyz`),
        ({ status }) => status === 200,
      );
      proxy.set('hang');
      const asked = performance.now();
      expect(await get(`${lame.adminUrl}/readyz`)).toMatchObject({ status: 503 });
      expect(performance.now() - asked).toBeLessThan(5_000);
    } finally {
      proxy.set('cut');
      await lame.close();
      await proxy.close();
    }
  });

  it('refuses a way to log in to HSMs that this version does not have', async () => {
    await expect(startWorker({ ...world.workerConfig, hsm: 'pkcs11' })).rejects.toThrow(/KEYMOOR_HSM=pkcs11/);
  });
});
