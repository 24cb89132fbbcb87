import type { EC2Client } from '@aws-sdk/client-ec2';
import { DeleteNetworkInterfaceCommand } from '@aws-sdk/client-ec2';
import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import type { ConnectedCluster } from './harness/connected-cluster';
import { connectedCluster, kmsuser } from './harness/connected-cluster';
import { HsmClient } from './harness/hsm-client';
import { TestSimulator } from './harness/simulator';
import { onSlow } from './harness/slow-simulator';

const STORE = 'cks-0123456789abcdef0';
const OTHER = 'cks-fedcba98765432100';
const RIGHT = { username: 'kmsuser', password: 'kmsPswd1' };
const WRONG = { username: 'kmsuser', password: 'wrongPswd' };

let simulator: TestSimulator;
let ec2: EC2Client;
let cluster: ConnectedCluster;
let hsm: HsmClient;

beforeEach(async () => {
  simulator = await TestSimulator.start();
  ec2 = simulator.ec2();
  cluster = await connectedCluster(simulator, ec2);
  hsm = await cluster.login(STORE);
});
afterEach(async () => {
  hsm.close();
  await simulator.dispose();
});

const patch = (body: Record<string, unknown>) =>
  simulator.control('PATCH', `/clusters/${cluster.ClusterId}`, body);
const user = () => kmsuser(simulator, cluster.ClusterId);
const route = async (address = cluster.addresses[0] ?? '', group = cluster.groupId) =>
  (await simulator.call('GET', `/_network/routes?address=${address}&securityGroupId=${group}`)).status;

describe('the way to an HSM', () => {
  test('there is one only while an interface of the group is in a subnet of its cluster', async () => {
    expect(await route()).toBe(200);
    expect(await route(cluster.addresses[1])).toBe(200);
    expect(await route('10.200.0.4')).toBe(404);
    expect(await route(cluster.addresses[0], cluster.SecurityGroup)).toBe(404);
    const stranger = await connectedCluster(simulator, ec2);
    expect(await route(cluster.addresses[0], stranger.groupId)).toBe(404);
    await ec2.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: cluster.interfaceId }));
    expect(await route()).toBe(404);
  });

  test('there is none while the interface is pending', async () => {
    await onSlow(simulator, async (timeGoesBy) => {
      ec2 = simulator.ec2();
      const slow = await connectedCluster(simulator, ec2);
      expect(await route(slow.addresses[0], slow.groupId)).toBe(404);
      timeGoesBy();
      expect(await route(slow.addresses[0], slow.groupId)).toBe(200);
    });
  });

  test('an unreachable cluster has none, and its connections end', async () => {
    await patch({ reachable: false });
    expect(await route()).toBe(404);
    expect(await hsm.ask('ListUsers')).toEqual({ error: 'closed' });
    await patch({ reachable: true });
    expect(await route()).toBe(200);
  });

  test('HSMs of a deleted subnet stay listed and cannot be reached', async () => {
    await simulator.control('DELETE', `/subnets/${cluster.SubnetIds[1]}`);
    expect(await route(cluster.addresses[1])).toBe(404);
    expect(await route(cluster.addresses[0])).toBe(200);
    const { Hsms } = await simulator.control<{ Hsms: unknown[] }>('GET', `/clusters/${cluster.ClusterId}`);
    expect(Hsms).toHaveLength(2);
  });

  test('a connection ends with its way: after the interface is deleted nothing is answered', async () => {
    await ec2.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: cluster.interfaceId }));
    expect(await hsm.ask('Login', RIGHT)).toEqual({ error: 'closed' });
    expect(await user()).toMatchObject({ logins: 0 });
  });

  test('a first request that is not Connect, a Connect of a foreign group and a broken line end it', async () => {
    const open = () =>
      HsmClient.open(simulator, cluster.addresses[0] ?? '', cluster.groupId, cluster.TrustAnchorCertificate);
    expect(await (await open()).ask('Login', RIGHT)).toEqual({ error: 'closed' });
    const foreign = { owner: STORE, securityGroupId: cluster.SecurityGroup };
    expect(await (await open()).ask('Connect', foreign)).toEqual({ error: 'closed' });
    const broken = await open();
    broken.socket.write('no json\n');
    expect(await broken.ask('Connect')).toEqual({ error: 'closed' });
  });
});

describe("an HSM's certificate", () => {
  test('names the cluster and hangs below its cluster certificate and trust anchor', () => {
    const certificate = hsm.socket.getPeerCertificate(true);
    expect(certificate.subject.CN).toBe(cluster.ClusterId);
    const issuer = new X509Certificate(certificate.issuerCertificate.raw);
    expect(issuer.verify(new X509Certificate(cluster.TrustAnchorCertificate).publicKey)).toBe(true);
    expect(hsm.socket.authorized).toBe(true);
    expect(hsm.socket.getProtocol()).toBe('TLSv1.3');
  });

  test('is not trusted below the CA of another cluster', async () => {
    const stranger = await simulator.createCluster();
    const attempt = HsmClient.open(
      simulator,
      cluster.addresses[0] ?? '',
      cluster.groupId,
      stranger.TrustAnchorCertificate,
    );
    await expect(attempt).rejects.toThrow(/certificate/);
  });

  test('of a related cluster hangs below the same trust anchor and names the related one', async () => {
    const related = await connectedCluster(simulator, ec2, { relatedTo: cluster.ClusterId });
    expect(related.TrustAnchorCertificate).toBe(cluster.TrustAnchorCertificate);
    const client = await related.login(STORE);
    expect(client.socket.getPeerCertificate().subject.CN).toBe(related.ClusterId);
    client.close();
  });

  test('is not offered below TLS 1.2', async () => {
    const { body } = await simulator.call(
      'GET',
      `/_network/routes?address=${cluster.addresses[0]}&securityGroupId=${cluster.groupId}`,
    );
    const { host, port } = body as { host: string; port: number };
    const attempt = new Promise((resolve, reject) => {
      const socket = connect({
        host,
        port,
        rejectUnauthorized: false,
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      });
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    await expect(attempt).rejects.toThrow();
  });
});

describe('kmsuser', () => {
  test('logs in, changes its password, and logs in with the new one alone', async () => {
    const { sessionId } = await hsm.ask('Login', RIGHT);
    expect(sessionId).toEqual(expect.any(String));
    const change = { sessionId, username: 'kmsuser', newPassword: 'aNewPassword9' };
    expect(await hsm.ask('ChangePassword', change)).toEqual({});
    expect(await hsm.ask('Login', RIGHT)).toEqual({ error: 'WRONG_PASSWORD' });
    expect(await hsm.ask('Login', { ...RIGHT, password: 'aNewPassword9' })).toHaveProperty('sessionId');
    expect(await user()).toEqual({
      password: 'aNewPassword9',
      failedLogins: 0,
      locked: false,
      loggedIn: true,
      passwordChanges: 1,
      logins: 2,
    });
  });

  test('is locked after five wrong passwords in a row, counted over all HSMs', async () => {
    const second = await cluster.login(STORE, 1);
    for (const connection of [hsm, second, hsm, second, hsm]) {
      expect(await connection.ask('Login', WRONG)).toEqual({ error: 'WRONG_PASSWORD' });
    }
    expect(await user()).toMatchObject({ failedLogins: 5, locked: true });
    expect(await hsm.ask('Login', RIGHT)).toEqual({ error: 'USER_LOCKED_OUT' });
    await patch({ kmsuser: { password: 'another1' } });
    expect(await user()).toMatchObject({ failedLogins: 0, locked: false, passwordChanges: 0 });
    expect(await second.ask('Login', { ...RIGHT, password: 'another1' })).toHaveProperty('sessionId');
    second.close();
  });

  test('a good login clears the count of wrong passwords', async () => {
    for (let i = 0; i < 4; i++) await hsm.ask('Login', WRONG);
    expect(await hsm.ask('Login', RIGHT)).toHaveProperty('sessionId');
    expect(await user()).toMatchObject({ failedLogins: 0, locked: false });
  });

  test('that is logged in for another owner can neither log in nor change its password', async () => {
    const { sessionId } = await hsm.ask('Login', RIGHT);
    const other = await cluster.login(OTHER);
    expect(await other.ask('Login', RIGHT)).toEqual({ error: 'USER_LOGGED_IN' });
    expect(await other.ask('Login', WRONG)).toEqual({ error: 'USER_LOGGED_IN' });
    expect(await user()).toMatchObject({ failedLogins: 0 });
    const stolen = { sessionId, username: 'kmsuser', newPassword: 'stolen123' };
    expect(await other.ask('ChangePassword', stolen)).toEqual({ error: 'SESSION_ENDED' });
    await patch({ kmsuser: { loggedInElsewhere: true } });
    expect(await hsm.ask('ChangePassword', stolen)).toEqual({ error: 'USER_LOGGED_IN' });
    await patch({ kmsuser: { loggedInElsewhere: false } });
    expect(await hsm.ask('Logout', { sessionId })).toEqual({});
    expect(await user()).toMatchObject({ loggedIn: false });
    expect(await other.ask('Login', RIGHT)).toHaveProperty('sessionId');
    other.close();
  });

  test("an owner's next login ends its session before", async () => {
    const first = await hsm.ask('Login', RIGHT);
    const second = await hsm.ask('Login', RIGHT);
    const change = { username: 'kmsuser', newPassword: 'aNewPassword9' };
    expect(await hsm.ask('ChangePassword', { ...change, sessionId: first['sessionId'] })).toEqual({
      error: 'SESSION_ENDED',
    });
    expect(await hsm.ask('ChangePassword', { ...change, sessionId: second['sessionId'] })).toEqual({});
  });

  test('a session survives the connection and a restart, and ends by a logout that names none', async () => {
    await hsm.ask('Login', RIGHT);
    hsm.close();
    await simulator.restart();
    expect(await user()).toMatchObject({ loggedIn: true, logins: 1 });
    hsm = await cluster.login(STORE);
    expect(await hsm.ask('Logout')).toEqual({});
    expect(await user()).toMatchObject({ loggedIn: false });
    expect(await hsm.ask('Logout')).toEqual({});
  });

  test('that is missing on one HSM is unknown there and known elsewhere', async () => {
    await patch({ kmsuser: { missingOnOneHsm: true } });
    const second = await cluster.login(STORE, 1);
    const names = async (client: HsmClient) =>
      ((await client.ask('ListUsers'))['users'] as { username: string }[]).map((one) => one.username);
    expect(await names(hsm)).toContain('kmsuser');
    expect(await names(second)).not.toContain('kmsuser');
    expect(await second.ask('Login', RIGHT)).toEqual({ error: 'USER_NOT_FOUND' });
    await patch({ kmsuser: { missingOnOneHsm: false } });
    expect(await names(second)).toContain('kmsuser');
    second.close();
  });

  test('that is removed is unknown and its session ended; an administrator can create it again', async () => {
    const { sessionId } = await hsm.ask('Login', RIGHT);
    await patch({ kmsuser: null });
    expect(await user()).toBeNull();
    expect(await hsm.ask('Login', RIGHT)).toEqual({ error: 'USER_NOT_FOUND' });
    await patch({ kmsuser: { password: 'again1234' } });
    expect(await user()).toMatchObject({ loggedIn: false, logins: 0 });
    const change = { sessionId, username: 'kmsuser', newPassword: 'aNewPassword9' };
    expect(await hsm.ask('ChangePassword', change)).toEqual({ error: 'SESSION_ENDED' });
    expect(await hsm.ask('Login', { ...RIGHT, password: 'again1234' })).toHaveProperty('sessionId');
  });

  test('a password of 6 or of 33 characters is INVALID_PASSWORD', async () => {
    const { sessionId } = await hsm.ask('Login', RIGHT);
    for (const newPassword of ['a'.repeat(6), 'a'.repeat(33)]) {
      const change = { sessionId, username: 'kmsuser', newPassword };
      expect(await hsm.ask('ChangePassword', change)).toEqual({ error: 'INVALID_PASSWORD' });
    }
    expect(await user()).toMatchObject({ password: 'kmsPswd1', passwordChanges: 0 });
  });

  test('an unknown operation and a missing member are refused, and the connection goes on', async () => {
    expect(await hsm.ask('Reboot')).toEqual({ error: 'UNKNOWN_OPERATION' });
    expect(await hsm.ask('Login', { username: 'kmsuser' })).toEqual({ error: 'BAD_REQUEST' });
    expect(await hsm.ask('Login', RIGHT)).toHaveProperty('sessionId');
  });
});

test('no password reaches the list of calls', async () => {
  const { sessionId } = await hsm.ask('Login', RIGHT);
  await hsm.ask('ChangePassword', { sessionId, username: 'kmsuser', newPassword: 'aNewPassword9' });
  const calls = await simulator.control<Record<string, unknown>[]>('GET', '/calls?service=hsm');
  expect(calls.map((call) => [call['operation'], call['outcome']])).toEqual([
    ['Connect', 'ok'],
    ['Login', 'ok'],
    ['ChangePassword', 'ok'],
  ]);
  expect(calls[1]).toMatchObject({
    service: 'hsm',
    accountId: '000000000000',
    parameters: { owner: STORE, username: 'kmsuser', clusterId: cluster.ClusterId },
  });
  const text = JSON.stringify(calls);
  for (const secret of ['kmsPswd1', 'aNewPassword9', sessionId as string]) expect(text).not.toContain(secret);
});
