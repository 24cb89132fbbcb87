import { randomInt } from 'node:crypto';
import {
  ConnectCustomKeyStoreCommand,
  CreateCustomKeyStoreCommand,
  DisconnectCustomKeyStoreCommand,
} from '@aws-sdk/client-kms';
import { startDev } from './dev-under-test';
import type { DevUnderTest } from './dev-under-test';
import { kill, stateOf, untilState, untilStep } from './key-store-under-test';
import type { KeyStoreUnderTest } from './key-store-under-test';

jest.setTimeout(400_000);

let dev: DevUnderTest;

beforeAll(async () => {
  dev = await startDev({ KEYMOOR_SIMULATOR_PACE: '2' });
});

afterAll(() => dev.close());

interface Target extends KeyStoreUnderTest {
  accountId: string;
  host: string;
}

async function aPrivateStore(): Promise<Target> {
  const accountId = String(randomInt(100_000_000_000, 999_999_999_999));
  const kms = dev.kms(accountId);
  const proxy = await dev.simulator.createProxy({ accountId, connectivity: 'VPC_ENDPOINT_SERVICE' });
  const { CustomKeyStoreId = '' } = await kms.send(
    new CreateCustomKeyStoreCommand({
      CustomKeyStoreName: `kill ${accountId}`,
      CustomKeyStoreType: 'EXTERNAL_KEY_STORE',
      XksProxyConnectivity: 'VPC_ENDPOINT_SERVICE',
      XksProxyUriEndpoint: proxy.XksProxyUriEndpoint,
      XksProxyUriPath: proxy.XksProxyUriPath,
      XksProxyVpcEndpointServiceName: proxy.XksProxyVpcEndpointServiceName,
      XksProxyAuthenticationCredential: {
        AccessKeyId: proxy.AccessKeyId,
        RawSecretAccessKey: proxy.RawSecretAccessKey,
      },
    }),
  );
  return { accountId, kms, CustomKeyStoreId, host: proxy.XksProxyUriEndpoint.slice('https://'.length) };
}

async function expectBuilt({ accountId, host }: Target): Promise<void> {
  const { vpcEndpoints, hostedZones } = await dev.simulator.inventory(accountId);
  expect(vpcEndpoints).toMatchObject([{ State: 'available' }]);
  expect(hostedZones).toMatchObject([{ Name: `${host}.`, Records: [{ Name: `${host}.`, Type: 'A' }] }]);
  expect(hostedZones[0]?.Records).toHaveLength(1);
}

async function expectNothing({ accountId }: Target): Promise<void> {
  const { vpcEndpoints, hostedZones } = await dev.simulator.inventory(accountId);
  expect([vpcEndpoints, hostedZones]).toEqual([[], []]);
}

describe('a connect to a private proxy through the death of everything', () => {
  it('arrives with one endpoint, one zone, one record; a disconnect leaves none', async () => {
    const target = await aPrivateStore();
    const { kms, CustomKeyStoreId } = target;
    await kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId }));
    await kill(dev, 'api');
    await untilStep(dev, target, 'createVpcEndpoint');
    await kill(dev, 'worker');
    await kill(dev, 'temporal');
    await untilStep(dev, target, 'createPrivateDns');
    await kill(dev, 'simulator');
    await kill(dev, 'postgres');
    await kill(dev, 'worker');
    await untilState(target, 'CONNECTED', 'FAILED');
    expect(await stateOf(target)).toBe('CONNECTED');
    await expectBuilt(target);

    await kms.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId }));
    await kill(dev, 'worker');
    await kill(dev, 'simulator');
    await untilState(target, 'DISCONNECTED');
    await expectNothing(target);

    await kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId }));
    await untilState(target, 'CONNECTED', 'FAILED');
    expect(await stateOf(target)).toBe('CONNECTED');
    await expectBuilt(target);
  });
});
