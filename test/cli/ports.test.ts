import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { findFreePorts } from '../../cli/free-port';
import { openHome } from '../../cli/supervisor/home';
import type { Home } from '../../cli/supervisor/home';
import { choosePorts } from '../../cli/supervisor/ports';
import { temporaryFolder } from './folders';

const folder = temporaryFolder();
let homes = 0;
const newHome = (): Home => openHome(join(folder, `home-${String((homes += 1))}`));
const host = '127.0.0.1';
const anyPorts = { kms: 0, admin: 0, simulator: 0, workerAdmin: 0 };
const engines = { postgres: true, temporal: true };

async function listen(port = 0): Promise<{ server: Server; port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

test('0 picks free ports, all different', async () => {
  const ports = await choosePorts({ host, ports: anyPorts }, newHome(), engines);
  expect(new Set(Object.values(ports)).size).toBe(7);
});

test("the engines' ports are kept from start to start, the others are those asked for", async () => {
  const home = newHome();
  const [kms = 0] = await findFreePorts(host, 1);
  const first = await choosePorts({ host, ports: { ...anyPorts, kms } }, home, engines);
  const second = await choosePorts({ host, ports: { ...anyPorts, kms } }, home, engines);
  expect(first.kms).toBe(kms);
  const { postgres, temporal, temporalUi } = first;
  expect(second).toMatchObject({ kms, postgres, temporal, temporalUi });
});

test('a used port is refused with one line that names the variable', async () => {
  const { server, port } = await listen();
  await expect(
    choosePorts({ host, ports: { ...anyPorts, admin: port } }, newHome(), engines),
  ).rejects.toThrow(
    `KEYMOOR_ADMIN_PORT: port ${String(port)} on 127.0.0.1 is in use by another program; stop that one, or set KEYMOOR_ADMIN_PORT to another port (0 picks a free one)`,
  );
  server.close();
});

test('one port for two things is refused', async () => {
  const [port = 0] = await findFreePorts(host, 1);
  await expect(
    choosePorts({ host, ports: { ...anyPorts, kms: port, simulator: port } }, newHome(), engines),
  ).rejects.toThrow(`KEYMOOR_SIMULATOR_PORT: ${String(port)} is the port of something else of Keymoor`);
});

test('an address of another machine is refused', async () => {
  const [kms = 0] = await findFreePorts(host, 1);
  await expect(
    choosePorts({ host: '192.0.2.1', ports: { ...anyPorts, kms } }, newHome(), engines),
  ).rejects.toThrow('KEYMOOR_HOST: "192.0.2.1" is not an address of this machine');
  await expect(choosePorts({ host: '192.0.2.1', ports: anyPorts }, newHome(), engines)).rejects.toThrow(
    'KEYMOOR_HOST: "192.0.2.1" is not an address of this machine',
  );
});

test('a kept port that another program took is refused, unless that engine is not needed', async () => {
  const home = newHome();
  const { postgres } = await choosePorts({ host, ports: anyPorts }, home, engines);
  const { server } = await listen(postgres);
  await expect(choosePorts({ host, ports: anyPorts }, home, engines)).rejects.toThrow(
    `port ${String(postgres)}, which ${home.portsFile} keeps for PostgreSQL, is in use by another program`,
  );
  const without = await choosePorts({ host, ports: anyPorts }, home, { postgres: false, temporal: true });
  expect(without.postgres).toBe(postgres);
  server.close();
});

test('a broken ports.json is made anew', async () => {
  const home = newHome();
  writeFileSync(home.portsFile, '{"postgres":');
  const { postgres } = await choosePorts({ host, ports: anyPorts }, home, engines);
  expect(JSON.parse(readFileSync(home.portsFile, 'utf8'))).toMatchObject({ postgres });
});
