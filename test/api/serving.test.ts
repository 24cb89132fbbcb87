import { webcrypto } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import 'reflect-metadata';
import {
  ConnectCustomKeyStoreCommand,
  DescribeCustomKeyStoresCommand,
  DisconnectCustomKeyStoreCommand,
} from '@aws-sdk/client-kms';
import * as x509 from '@peculiar/x509';
import { Client, Connection } from '@temporalio/client';
import { eventually } from '../clients/eventually';
import { testTemporalAddress } from '../setup/temporal';
import { newAccount, startApiUnderTest } from './harness/api-under-test';
import { placeStore } from './harness/stores';

test('with a certificate the KMS endpoint speaks TLS and the admin endpoint stays plain', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'keymoor-tls-'));
  const certFile = join(folder, 'cert.pem');
  const keyFile = join(folder, 'key.pem');
  const pem = await selfSigned();
  await writeFile(certFile, pem.cert);
  await writeFile(keyFile, pem.key);
  const under = await startApiUnderTest({ tls: { certFile, keyFile } });
  try {
    expect(under.api.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const answer = await new Promise<{ status?: number | undefined; text: string }>((resolve, reject) => {
      const outgoing = request(under.api.url, { method: 'POST', ca: pem.cert, agent: false }, (incoming) => {
        let text = '';
        incoming.on('data', (chunk: Buffer) => (text += chunk.toString()));
        incoming.on('end', () => {
          resolve({ status: incoming.statusCode, text });
        });
      });
      outgoing.on('error', reject);
      outgoing.end('{}');
    });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('UnknownOperationException');
    expect((await fetch(`${under.api.adminUrl}/healthz`)).status).toBe(200);
  } finally {
    await under.close();
    await rm(folder, { recursive: true });
  }
});

async function selfSigned(): Promise<{ cert: string; key: string }> {
  x509.cryptoProvider.set(webcrypto as never);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=127.0.0.1',
    keys,
    signingAlgorithm: algorithm,
    notAfter: new Date(Date.now() + 3_600_000),
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    cert: cert.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`,
  };
}

test('a port that is taken rejects the start', async () => {
  const first = await startApiUnderTest();
  try {
    const port = Number(new URL(first.api.url).port);
    await expect(startApiUnderTest({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  } finally {
    await first.close();
  }
});

test('a request under way when the API is closed is still answered', async () => {
  const under = await startApiUnderTest();
  const client = under.client(newAccount());
  await client.send(new DescribeCustomKeyStoresCommand({}));
  const lock = await under.sql.connect();
  await lock.query('BEGIN');
  await lock.query('LOCK TABLE custom_key_stores IN ACCESS EXCLUSIVE MODE');
  const call = client.send(new DescribeCustomKeyStoresCommand({}));
  await eventually(async () => {
    const { rows } = await lock.query(
      `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
    );
    return rows.length > 0;
  });
  const closed = under.api.close();
  await lock.query('COMMIT');
  lock.release();
  await expect(call).resolves.toMatchObject({ CustomKeyStores: [] });
  await closed;
  await expect(fetch(`${under.api.adminUrl}/healthz`)).rejects.toThrow();
  await under.close();
});

test("an accepted operation is handed to Temporal: workflow id, generation and summary are the store's", async () => {
  const under = await startApiUnderTest();
  const connection = await Connection.connect({ address: testTemporalAddress() });
  /** Makes a call, and waits until its dispatch has ended: false where Temporal was too slow, as the reconciler is not here. */
  const handedOver = async (call: () => Promise<unknown>): Promise<boolean> => {
    const before = under.log.length;
    await call();
    const ends = () => under.log.slice(before).filter((line) => line['kind'] !== undefined);
    await eventually(() => ends().length > 0);
    return ends()[0]?.['outcome'] === 'dispatched';
  };
  try {
    const accountId = newAccount();
    const kms = under.client(accountId);
    for (let tries = 1, done = false; !done; tries++) {
      const { id } = await placeStore(under, accountId);
      const store = { CustomKeyStoreId: id };
      if (!(await handedOver(() => kms.send(new ConnectCustomKeyStoreCommand(store))))) {
        expect(tries).toBeLessThan(10);
        continue;
      }
      const handle = new Client({ connection }).workflow.getHandle(`custom-key-store/${id}`);
      const { type, memo, status } = await handle.describe();
      expect({ type, memo, status: status.name }).toEqual({
        type: 'connectCustomKeyStore',
        memo: { generation: 1 },
        status: 'RUNNING',
      });

      if (await handedOver(() => kms.send(new DisconnectCustomKeyStoreCommand(store)))) {
        const { events } = await handle.fetchHistory();
        const signals = (events ?? []).filter((event) => event.workflowExecutionSignaledEventAttributes);
        expect(signals).toHaveLength(1);
        done = true;
      }
      await handle.terminate();
    }
  } finally {
    await connection.close();
    await under.close();
  }
});
