import { readFileSync } from 'node:fs';
import { DescribeCustomKeyStoresCommand } from '@aws-sdk/client-kms';
import type { KMSClient } from '@aws-sdk/client-kms';
import { eventually } from '../harness/eventually';
import { SERVER_PID_FILE } from '../setup/temporal-on-postgresql';
import type { DevUnderTest } from './dev-under-test';

/** As long as processes may take to come back on a busy machine. */
export const LIMIT_MS = 240_000;

/** A key store in `keymoor dev`, and who calls. */
export interface KeyStoreUnderTest {
  kms: KMSClient;
  CustomKeyStoreId: string;
}

export async function stateOf({ kms, CustomKeyStoreId }: KeyStoreUnderTest): Promise<string | undefined> {
  try {
    const { CustomKeyStores } = await kms.send(new DescribeCustomKeyStoresCommand({ CustomKeyStoreId }));
    return CustomKeyStores?.[0]?.ConnectionState;
  } catch {
    return undefined; // the API is down or without its database, which is what these tests are about
  }
}

export const untilState = (target: KeyStoreUnderTest, ...states: string[]): Promise<unknown> =>
  eventually(
    () => stateOf(target),
    (state) => states.includes(state ?? ''),
    { limitMs: LIMIT_MS, everyMs: 100 },
  );

export const untilStep = (dev: DevUnderTest, target: KeyStoreUnderTest, name: string): Promise<unknown> =>
  eventually(
    () => dev.operations(target.CustomKeyStoreId),
    (operations) => operations?.[0]?.steps.some((step) => step.name === name) ?? false,
    { limitMs: LIMIT_MS, everyMs: 50 },
  );

/** Ends a process of `keymoor dev` by SIGKILL, and waits until there is another in its place. */
export async function kill(
  dev: DevUnderTest,
  child: 'api' | 'worker' | 'temporal' | 'postgres' | 'simulator',
): Promise<void> {
  const pidNow = (): number | undefined => dev.endpoints().pids[child] ?? pidOfServer(child);
  const pid = pidNow();
  if (pid === undefined) throw new Error(`no pid of ${child}`);
  process.kill(pid, 'SIGKILL');
  await eventually(
    () => Promise.resolve(pidNow()),
    (now) => now !== undefined && now !== pid,
    { limitMs: LIMIT_MS },
  );
}

/** Of the Temporal server that the test run itself keeps up, where there is one. */
function pidOfServer(child: string): number | undefined {
  const file = process.env[SERVER_PID_FILE];
  return child === 'temporal' && file !== undefined ? Number(readFileSync(file, 'utf8')) : undefined;
}
