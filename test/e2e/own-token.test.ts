import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  ConnectCustomKeyStoreCommand,
  CreateCustomKeyStoreCommand,
  DescribeCustomKeyStoresCommand,
  DisconnectCustomKeyStoreCommand,
  UpdateCustomKeyStoreCommand,
} from '@aws-sdk/client-kms';
import { makeAuthority } from '../clients/xks/test-authority';
import { eventually } from '../harness/eventually';
import { isRunning, makeFaultyModule, makeSoftHsm, missingForSoftHsm } from '../harness/softhsm';
import type { FaultyModule, SoftHsm } from '../harness/softhsm';
import { MAIN, startDev } from './dev-under-test';
import type { DevUnderTest } from './dev-under-test';
import { filesWithSecrets } from './home-scan';
import { kill, LIMIT_MS, untilState } from './key-store-under-test';
import type { KeyStoreUnderTest } from './key-store-under-test';

/*
 * The operator of HSMs of their own: two tokens of SoftHSM, one of them behind a library that can hang, declared in a
 * file; everything else is `keymoor dev` as it is.
 */

jest.setTimeout(900_000);

const ACCOUNT = '111122223333';
const PASSWORD = 'kmsPswd1';
const HEALTHY = 'cluster-healthyaaaa';
const HANGING = 'cluster-hangingaaaa';

const missing = missingForSoftHsm({ compiler: true });

if (missing === undefined) describe("a key store on one's own token", ownToken);
else
  describe.skip(`a key store on one's own token (skipped: no ${missing} here)`, () => {
    it('is not tried', () => undefined);
  });

function ownToken(): void {
  let folder: string;
  let softHsm: SoftHsm;
  let library: FaultyModule;
  let anchor: string;
  let dev: DevUnderTest;
  let environment: Record<string, string>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'keymoor-own-token-'));
    softHsm = makeSoftHsm();
    library = makeFaultyModule(softHsm.module);
    anchor = (await makeAuthority()).ca;
    writeFileSync(join(folder, 'anchor.pem'), anchor);
    const entry = { accountId: ACCOUNT, pinFormat: 'password', trustAnchorFile: 'anchor.pem' };
    const file = join(folder, 'pkcs11.json');
    writeFileSync(
      file,
      JSON.stringify([
        { ...entry, clusterId: HEALTHY, module: softHsm.module, tokenLabel: 'healthy' },
        { ...entry, clusterId: HANGING, module: library.module, tokenLabel: 'hanging' },
      ]),
    );
    softHsm.addToken('healthy', PASSWORD);
    softHsm.addToken('hanging', PASSWORD);
    environment = {
      ...softHsm.environment,
      ...library.environment,
      KEYMOOR_HSM: 'pkcs11',
      KEYMOOR_PKCS11_FILE: file,
    };
    dev = await startDev(environment);
  });

  afterAll(async () => {
    library.reset();
    await dev.close();
    library.remove();
    softHsm.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  async function create(name: string, cluster: string): Promise<KeyStoreUnderTest> {
    const kms = dev.kms(ACCOUNT);
    const { CustomKeyStoreId = '' } = await kms.send(
      new CreateCustomKeyStoreCommand({
        CustomKeyStoreName: name,
        CloudHsmClusterId: cluster,
        TrustAnchorCertificate: anchor,
        KeyStorePassword: PASSWORD,
      }),
    );
    return { kms, CustomKeyStoreId };
  }
  const connect = ({ kms, CustomKeyStoreId }: KeyStoreUnderTest): Promise<unknown> =>
    kms.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId }));
  const disconnect = async (target: KeyStoreUnderTest): Promise<void> => {
    const { kms, CustomKeyStoreId } = target;
    await kms.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId }));
    await untilState(target, 'DISCONNECTED');
  };
  const shown = async ({ kms, CustomKeyStoreId }: KeyStoreUnderTest): Promise<(string | undefined)[]> => {
    const { CustomKeyStores } = await kms.send(new DescribeCustomKeyStoresCommand({ CustomKeyStoreId }));
    const [store] = CustomKeyStores ?? [];
    return [store?.ConnectionState, store?.ConnectionErrorCode];
  };

  /** `keymoor hsm check`, as an operator types it beside a running `dev`. */
  async function check({ CustomKeyStoreId }: KeyStoreUnderTest): Promise<{ code: number; said: string }> {
    const env = {
      PATH: process.env['PATH'] ?? '',
      KEYMOOR_HOME: join(dev.home, 'home'),
      ...environment,
    };
    return promisify(execFile)(process.execPath, [MAIN, 'hsm', 'check', CustomKeyStoreId], { env }).then(
      ({ stdout }) => ({ code: 0, said: stdout }),
      (error: { code: number; stdout: string; stderr: string }) => ({
        code: error.code,
        said: `${error.stdout}${error.stderr}`,
      }),
    );
  }

  test('its PIN changes, reconnecting needs no Update, and a change made outside is seen and can be healed', async () => {
    const target = await create('own token', HEALTHY);
    expect(await check(target)).toMatchObject({ code: 0 });
    await connect(target);
    await untilState(target, 'CONNECTED', 'FAILED');
    expect(await shown(target)).toEqual(['CONNECTED', undefined]);
    expect(softHsm.pinWorks('healthy', PASSWORD)).toBe(false);

    await disconnect(target);
    await connect(target);
    await untilState(target, 'CONNECTED', 'FAILED');
    expect(await shown(target)).toEqual(['CONNECTED', undefined]);
    const works = await check(target);
    expect(works.code).toBe(0);
    expect(works.said).toMatch(/^(ok {4}.*\n){6}$/);
    expect(works.said).toContain('kmsuser logs in with the current password');

    await disconnect(target);
    softHsm.resetPin('healthy', 'setOutside1');
    await connect(target);
    await untilState(target, 'CONNECTED', 'FAILED');
    expect(await shown(target)).toEqual(['FAILED', 'INVALID_CREDENTIALS']);
    const wrong = await check(target);
    expect(wrong.code).toBe(1);
    expect(wrong.said).toMatch(/\nFAIL {2}the password of kmsuser is not the one that the key store knows/);

    await disconnect(target);
    const { kms, CustomKeyStoreId } = target;
    await kms.send(new UpdateCustomKeyStoreCommand({ CustomKeyStoreId, KeyStorePassword: 'setOutside1' }));
    await connect(target);
    await untilState(target, 'CONNECTED', 'FAILED');
    expect(await shown(target)).toEqual(['CONNECTED', undefined]);
    expect(softHsm.pinWorks('healthy', 'setOutside1')).toBe(false);
    expect(filesWithSecrets(dev.home, [PASSWORD, 'setOutside1'], [])).toEqual([]);
  });

  test('a library that never returns costs its own step alone, and its worker, killed meanwhile, leaves no process behind', async () => {
    const hanging = await create('hanging', HANGING);
    const [other] = await listStores('own token');
    if (other === undefined) throw new Error('the store of the other test is gone');
    await disconnect(other);
    library.control('C_Login hang');
    await connect(hanging);
    await eventually(
      () => Promise.resolve(library.calls()),
      (calls) => calls.includes('C_Login begins'),
      { limitMs: LIMIT_MS },
    );
    // It hangs now. Another store of the same worker does not notice.
    const worker = dev.endpoints().pids.worker;
    await connect(other);
    await untilState(other, 'CONNECTED', 'FAILED');
    expect(await shown(other)).toEqual(['CONNECTED', undefined]);
    // On a very busy machine the two tries that it has, of 20 s each, may be over by now.
    expect([
      ['CONNECTING', undefined],
      ['FAILED', 'NETWORK_ERRORS'],
    ]).toContainEqual(await shown(hanging));

    const [process] = library.pids().slice(-1);
    await kill(dev, 'worker');
    await eventually(
      () => Promise.resolve(isRunning(process ?? 0)),
      (runs) => !runs,
      { limitMs: LIMIT_MS },
    );
    await untilState(hanging, 'CONNECTED', 'FAILED');
    expect(await shown(hanging)).toEqual(['FAILED', 'NETWORK_ERRORS']);
    expect(dev.endpoints().pids.worker).not.toBe(worker);
    // Both tries were unanswered, so that there was no third (spec/kms.md D18).
    expect(library.calls().filter((call) => call === 'C_Login begins')).toHaveLength(2);

    await disconnect(hanging);
    library.reset();
    await connect(hanging);
    await untilState(hanging, 'CONNECTED', 'FAILED');
    expect(await shown(hanging)).toEqual(['CONNECTED', undefined]);
  });

  async function listStores(name: string): Promise<KeyStoreUnderTest[]> {
    const kms = dev.kms(ACCOUNT);
    const { CustomKeyStores = [] } = await kms.send(new DescribeCustomKeyStoresCommand({}));
    return CustomKeyStores.filter((store) => store.CustomKeyStoreName === name).map(
      ({ CustomKeyStoreId = '' }) => ({ kms, CustomKeyStoreId }),
    );
  }
}
