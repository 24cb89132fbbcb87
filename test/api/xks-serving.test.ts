import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateCustomKeyStoreCommand } from '@aws-sdk/client-kms';
import type { ApiOverrides } from './harness/api-under-test';
import { PATIENT, newAccount, startApiUnderTest } from './harness/api-under-test';
import { keptProbe, refusalOf } from './harness/refusals';
import type { SimulatedProxy, SimulatedWorld } from './harness/simulated-world';
import { createExternalInput, startSimulatedWorld } from './harness/simulated-world';

// As the maker of a proxy starts it: no simulator, a rule where the proxy's name leads, a private CA. The simulator's
// proxy stands in for theirs, and the API does not know whose it is.
let world: SimulatedWorld;
let folder: string;
let accountId: string;
let proxy: SimulatedProxy;
let config: { xksCaFile: string; xksConnectTo: NonNullable<ApiOverrides['xksConnectTo']> };

beforeAll(async () => {
  world = await startSimulatedWorld();
  folder = await mkdtemp(join(tmpdir(), 'keymoor-xks-'));
  accountId = newAccount();
  proxy = await world.proxy(accountId);
  const host = proxy.XksProxyUriEndpoint.slice('https://'.length);
  const ask = (path: string) => fetch(`${world.url}/_network/${path}`);
  const to = (await (await ask(`names?host=${host}`)).json()) as { host: string; port: number };
  const xksCaFile = join(folder, 'ca.pem');
  await writeFile(xksCaFile, await (await ask('ca')).text());
  config = { xksCaFile, xksConnectTo: [{ from: { host, port: 443 }, to }] };
});
afterAll(async () => {
  await world.close();
  await rm(folder, { recursive: true });
});

/** Creates a store on the proxy with an API that is started so. */
async function createWith(
  overrides: ApiOverrides,
): Promise<{ accepted: boolean; outcome?: string | undefined }> {
  const under = await startApiUnderTest({ withoutSimulator: true, ...PATIENT, ...overrides });
  try {
    const call = under.client(accountId).send(new CreateCustomKeyStoreCommand(createExternalInput(proxy)));
    const accepted = await call.then(
      () => true,
      () => false,
    );
    if (accepted) return { accepted };
    const refusal = await refusalOf(call);
    return { accepted, outcome: (await keptProbe(under, refusal.requestId))?.outcome };
  } finally {
    await under.close();
  }
}

test('a proxy on this machine with a private CA is reached by a rule and a CA file', async () => {
  expect(await createWith(config)).toEqual({ accepted: true });
});

test('without the CA file its certificate is not trusted', async () => {
  const { xksConnectTo } = config;
  expect(await createWith({ xksConnectTo })).toEqual({ accepted: false, outcome: 'tls-failed' });
});

test('without the rule its name leads nowhere', async () => {
  const { xksCaFile } = config;
  expect(await createWith({ xksCaFile })).toEqual({ accepted: false, outcome: 'not-reachable' });
});

test('a CA file that is gone ends the start', async () => {
  await expect(startApiUnderTest({ xksCaFile: join(folder, 'gone.pem') })).rejects.toThrow('ENOENT');
});
