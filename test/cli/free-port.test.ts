import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { findFreePorts, portProblem } from '../../cli/free-port';

test('free ports are different, can be listened on, and lie below the ports of outgoing connections', async () => {
  const ports = await findFreePorts('127.0.0.1', 5);
  expect(new Set(ports).size).toBe(5);
  for (const port of ports) {
    expect(port).toBeLessThan(32_768);
    expect(await portProblem('127.0.0.1', port)).toBeUndefined();
  }
});

test('a port that is listened on is named as in use', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  expect(await portProblem('127.0.0.1', port)).toBe('EADDRINUSE');
  await new Promise((resolve) => server.close(resolve));
});
