import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { BackgroundDispatch } from '../../../api/dispatch-in-background';
import { Markers } from '../../../api/marker';
import { ApiMetrics } from '../../../api/metrics';
import type { AnyOperation } from '../../../api/operation';
import { connectCustomKeyStore } from '../../../api/operations/connect-custom-key-store';
import { disconnectCustomKeyStore } from '../../../api/operations/disconnect-custom-key-store';
import type { ConnectionState } from '../../../keystore/connection-state';
import { workflowId } from '../../../keystore/naming';
import type { Temporal } from '../../../temporal/client';
import { MASTER_KEY } from '../../harness/connect-world';
import { eventually } from '../../harness/eventually';
import { isCutPoint, MortalWorker } from '../../harness/mortal-worker';
import type { Cut } from '../../harness/mortal-worker';
import { chosenOf, expectRecorded, recordedEffects, RECORDING } from './choice';
import type { Kind } from './journeys';
import { openStage, Target } from './target';
import type { Stage } from './target';

/*
 * The API's process is cut off while it accepts a call or hands it to Temporal. A worker with its reconciler runs all
 * the while; a caller who got no answer, and whose call was not accepted, calls again.
 */

jest.setTimeout(300_000);

let stage: Stage;
let metrics: ApiMetrics;

beforeAll(async () => {
  stage = await openStage({ worker: true });
  metrics = new ApiMetrics(stage.world.database);
});

afterAll(() => stage.close());

/** A call, and what its store went through before. */
interface Journey {
  name: string;
  kind: Kind;
  operation: AnyOperation;
  before?: (target: Target) => Promise<unknown>;
  ends: ConnectionState;
}

const connected = async ({ store }: Target): Promise<void> => {
  await stage.world.connect(store.id);
  await untilAllIsDone(store.id);
};

const JOURNEYS: readonly Journey[] = [
  {
    name: 'Connect of a CloudHSM key store',
    kind: 'CloudHSM',
    operation: connectCustomKeyStore,
    ends: 'CONNECTED',
  },
  {
    name: 'Connect of an external key store',
    kind: 'private proxy',
    operation: connectCustomKeyStore,
    ends: 'CONNECTED',
  },
  {
    name: 'Disconnect of a connected store',
    kind: 'private proxy',
    operation: disconnectCustomKeyStore,
    before: connected,
    ends: 'DISCONNECTED',
  },
  {
    name: 'Disconnect of a connecting store',
    kind: 'CloudHSM',
    operation: disconnectCustomKeyStore,
    before: ({ store }) => stage.world.accept('connect', store.id),
    ends: 'DISCONNECTED',
  },
];

const FATES = ['dies', 'thaws', 'thaws later'] as const;
const AND_THEN: Readonly<Record<(typeof FATES)[number], string>> = {
  dies: 'dies %',
  thaws: 'freezes % and thaws when all is done',
  'thaws later': 'freezes % and thaws when the store has moved on',
};

interface Play {
  effect: string;
  when: Cut['when'];
  fate: (typeof FATES)[number];
  title: string;
}

const playsOf = (effect: string): Play[] =>
  (['before', 'after'] as const).flatMap((when) =>
    FATES.map((fate) => {
      const title = `an API that ${AND_THEN[fate].replace('%', `${when} ${effect}`)} loses nothing`;
      return { effect, when, fate, title };
    }),
  );

/** A process of the API, which a call can be made to; resolves when it is answered and its dispatch has ended. */
function anApi(cut?: Cut): {
  process: MortalWorker;
  call(journey: Journey, target: Target): Promise<unknown>;
} {
  const { world } = stage;
  const process = new MortalWorker(stage.dependencies, cut);
  const { database, aws, xks, secrets } = process.dependencies;
  const dispatch = new BackgroundDispatch({
    database,
    temporal: mortalTemporal(process, world.temporal),
    taskQueue: world.taskQueue,
    metrics,
    logger: world.logger,
  });
  const services = {
    ...{ database, aws, xks, secrets },
    region: 'us-east-1',
    markers: new Markers(MASTER_KEY, 'us-east-1'),
    quota: 10,
    // a look that takes too long has other effects
    patience: 30,
    dispatch: dispatch.begin,
  };
  return {
    process,
    async call({ operation }, { store }) {
      const caller = {
        accessKeyId: store.accountId,
        accountId: store.accountId,
        principalArn: `arn:aws:iam::${store.accountId}:root`,
        allow: ['kms:*'],
      };
      const answer = await operation
        .invoke(
          { CustomKeyStoreId: store.id },
          { caller, requestId: randomUUID(), logger: world.logger, services },
        )
        .catch((error: unknown) => error);
      await dispatch.idle();
      return answer;
    },
  };
}

/** Temporal as a process sees it that may be cut off; a call that thaws still has time. */
function mortalTemporal(process: MortalWorker, temporal: Temporal): Temporal {
  const { workflow } = temporal.client;
  const inTime = <T>(name: string, call: () => Promise<T>): Promise<T> =>
    process.effect(`temporal ${name}`, () => temporal.withDeadline(30_000, call));
  return {
    ...temporal,
    withDeadline: (_, calls) => calls(),
    client: {
      workflow: {
        start: (...sent: Parameters<typeof workflow.start>) => inTime('start', () => workflow.start(...sent)),
        signalWithStart: (...sent: Parameters<typeof workflow.signalWithStart>) =>
          inTime('signalWithStart', () => workflow.signalWithStart(...sent)),
        getHandle: (id: string) => ({
          describe: () => temporal.withDeadline(30_000, () => workflow.getHandle(id).describe()),
        }),
      },
    } as unknown as Client,
  };
}

/** Until no operation of the store has anything left to do, and no workflow of it runs. */
async function untilAllIsDone(storeId: string): Promise<void> {
  const { database, temporal } = stage.world;
  const left = async (): Promise<unknown[]> => {
    const { rows } = await database.pool.query<{ kind: string }>(
      'SELECT kind, state FROM operations WHERE custom_key_store_id = $1 AND settled_at IS NULL',
      [storeId],
    );
    if (rows.length > 0) return rows;
    const { status } = await temporal.client.workflow.getHandle(workflowId(storeId)).describe();
    return status.name === 'RUNNING' ? ['a workflow'] : [];
  };
  await eventually(left, (found) => found.length === 0, { limitMs: 120_000 });
}

/** Connected or not, as the last call wanted it: nothing is missing, nothing too much. */
async function expectInOrder(target: Target): Promise<ConnectionState> {
  const { connectionState } = await target.read();
  const [last] = await stage.world.operations(target.store.id);
  expect([last?.state, connectionState]).toEqual([
    'succeeded',
    last?.kind === 'connect' ? 'CONNECTED' : 'DISCONNECTED',
  ]);
  await (connectionState === 'CONNECTED' ? target.expectConnected() : target.expectNothing());
  return connectionState;
}

async function prepared(journey: Journey): Promise<Target> {
  const target = await Target.create(stage, journey.kind);
  await journey.before?.(target);
  return target;
}

/** The other call, as somebody makes it. */
async function turnBack(target: Target): Promise<void> {
  const { world } = stage;
  const { connectionState } = await target.read();
  await world[connectionState === 'CONNECTED' ? 'disconnect' : 'connect'](target.store.id);
  await untilAllIsDone(target.store.id);
}

async function play(journey: Journey, { effect, when, fate }: Play): Promise<void> {
  const target = await prepared(journey);
  const { generation } = await target.read();
  const { process, call } = anApi({ effect, when, how: fate === 'dies' ? 'dies' : 'freezes' });
  const first = call(journey, target);
  try {
    await Promise.race([process.stopped, first]);
    if (!process.effects.includes(effect)) throw new Error(`it only came to ${process.effects.join('; ')}`);
    if (fate === 'dies') await first;
    if ((await target.read()).generation === generation)
      expect(await anApi().call(journey, target)).toEqual({});
    await untilAllIsDone(target.store.id);
    expect(await expectInOrder(target)).toBe(journey.ends);
    if (fate === 'thaws later') await turnBack(target);
  } finally {
    process.thaw();
    await first;
  }
  await untilAllIsDone(target.store.id);
  const state = await expectInOrder(target);
  // A call that was frozen before it was accepted may be accepted now.
  if (fate !== 'thaws later') expect(state).toBe(journey.ends);
  if (state === 'CONNECTED') {
    await turnBack(target);
    expect(await expectInOrder(target)).toBe('DISCONNECTED');
  }
}

it.each(JOURNEYS)('all that a $name does is recorded, and so has its tests', async (journey) => {
  const target = await prepared(journey);
  const { process, call } = anApi();
  expect(await call(journey, target)).toEqual({});
  await untilAllIsDone(target.store.id);
  expectRecorded(journey.name, { accept: process.effects.filter(isCutPoint).sort() });
});

if (!RECORDING) {
  describe.each(JOURNEYS)('$name', (journey) => {
    const plays = recordedEffects(journey.name, 'accept').flatMap((effect) =>
      chosenOf(`${journey.name} ${effect}`, playsOf(effect)),
    );
    it.concurrent.each(plays)('$title', (chosen) => play(journey, chosen));
  });
}
