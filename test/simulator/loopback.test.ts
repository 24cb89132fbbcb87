import { mkdtemp, rm } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { isLoopback } from '../../simulator/http/http-call';
import { startSimulator } from '../../simulator/server';

test.each([
  ['127.0.0.1', true],
  ['127.8.8.8', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['192.0.2.1', false],
  ['::ffff:192.0.2.1', false],
  ['::127', false],
  ['1270.0.0.1', false],
  [undefined, false],
])('%s is a loopback address: %s', (address, is) => {
  expect(isLoopback(address)).toBe(is);
});

const outside = Object.values(networkInterfaces())
  .flat()
  .find((address) => address?.family === 'IPv4' && !address.internal)?.address;
const onNetwork = outside === undefined ? test.skip : test;

onNetwork('the control API answers on the loopback address alone, the simulated AWS everywhere', async () => {
  const stateDir = await mkdtemp(path.join(tmpdir(), 'simulator-'));
  const logger = pino({ level: 'silent' });
  const simulator = await startSimulator({
    host: '0.0.0.0',
    port: 0,
    stateDir,
    pace: 0,
    region: 'us-east-1',
    logger,
  });
  try {
    const { port } = new URL(simulator.url);
    const ask = (host: string, route: string, init?: RequestInit) =>
      fetch(`http://${host}:${port}${route}`, { ...init, headers: { connection: 'close' } });
    expect((await ask('127.0.0.1', '/_control/inventory')).status).toBe(200);
    const refused = await ask(outside ?? '', '/_control/inventory');
    expect(refused.status).toBe(403);
    expect(await refused.json()).toEqual({ message: expect.any(String) as string });
    const ec2 = new URLSearchParams({ Action: 'DescribeVpcs', Version: '2016-11-15' });
    expect((await ask(outside ?? '', '/', { method: 'POST', body: ec2 })).status).toBe(200);
  } finally {
    await simulator.close();
    await rm(stateDir, { recursive: true, force: true });
  }
});
