import type { Dependencies } from '../../../activities/dependencies';
import type { OperationInput } from '../../../keystore/operation';
import { isCutPoint, MortalWorker } from '../../harness/mortal-worker';
import type { Cut } from '../../harness/mortal-worker';
import { begin, CONNECTED, DISCONNECTED, finish, finishAll, FORWARD, UNDO } from './journeys';
import type { Journey, Results } from './journeys';
import { Target } from './target';
import type { Stage } from './target';

/**
 * What becomes of a worker at its cut, and what others do meanwhile. `tried again`, `overtaken`: it dies, and the step is
 * tried again by another worker, or a Disconnect comes first. The rest: it freezes, another worker does its step, and
 * it thaws then, or when the store was disconnected, or when it was connected once more; or a Disconnect comes first,
 * and it thaws when nobody looks for late requests any more.
 */
export const FATES = [
  'tried again',
  'overtaken',
  'thaws',
  'thaws disconnected',
  'thaws overtaken',
  'thaws connected',
] as const;
export type Fate = (typeof FATES)[number];

/** One way in which one worker is cut off, and what comes after it. */
export interface Play {
  journey: Journey;
  /** index of the journey's step */
  step: number;
  /** its effect, named as in `MortalWorker.effects` */
  effect: string;
  when: Cut['when'];
  fate: Fate;
}

/** What an undisturbed journey does around which a worker can be cut off, step by step; sorted, as some is done at once. */
export async function recordEffects(stage: Stage, journey: Journey): Promise<string[][]> {
  const scene = await Scene.begin(stage, journey);
  const effects: string[][] = [];
  for (const step of journey.steps) {
    const watched = new MortalWorker(scene.dependencies);
    scene.results = await finish(watched.dependencies, step, scene.input, scene.results);
    effects.push(watched.effects.filter(isCutPoint).sort());
  }
  await scene.expectEnd();
  return effects;
}

/** Plays it; throws where a promise is broken. */
export async function play(stage: Stage, { journey, step: at, effect, when, fate }: Play): Promise<void> {
  const scene = await Scene.begin(stage, journey);
  const step = journey.steps[at];
  if (!step) throw new Error('no such step');
  scene.results = await finishAll(scene.dependencies, journey.steps.slice(0, at), scene.input, scene.results);

  const how = fate.startsWith('thaws') ? 'freezes' : 'dies';
  const worker = new MortalWorker(scene.dependencies, { effect, when, how });
  const first = begin(worker, step, scene.input, scene.results);
  await Promise.race([worker.stopped, first]);
  if (!worker.effects.includes(effect)) {
    throw new Error(`${step.name} did not come to ${effect}, only to ${worker.effects.join('; ')}`);
  }
  const thaw = async (): Promise<void> => {
    worker.thaw();
    await first;
  };
  try {
    if (how === 'dies') await first;
    await goOn(scene, at, fate, thaw);
  } finally {
    // A play that fails leaves nobody frozen.
    await thaw();
  }
}

/** What others do from the cut on, and when a frozen worker thaws among it. */
async function goOn(scene: Scene, at: number, fate: Fate, thaw: () => Promise<void>): Promise<void> {
  const { dependencies, input, journey, target } = scene;
  if (fate === 'overtaken' || fate === 'thaws overtaken') {
    await scene.disconnect();
    if (fate === 'thaws overtaken') {
      await target.endWatches();
      await thaw();
      await target.expectNothing();
    }
    return scene.connect();
  }
  const results = await finishAll(dependencies, journey.steps.slice(at, at + 1), input, scene.results);
  if (fate === 'thaws') await thaw();
  await finishAll(dependencies, journey.steps.slice(at + 1), input, results);
  await scene.expectEnd();
  if (journey.ends !== 'DISCONNECTED') await scene.disconnect();
  if (fate === 'thaws disconnected') {
    await thaw();
    await target.expectNothing();
  }
  // Whoever was cut off may have had to do with the password: nobody gave another one since.
  if (journey.kind !== 'CloudHSM' && fate !== 'thaws connected') return;
  await scene.connect();
  if (fate !== 'thaws connected') return;
  await thaw();
  await target.expectConnected();
  await scene.disconnect();
}

/** A store, and the operation on it that is played. */
class Scene {
  /** what the steps before found out */
  results: Results = {};

  private constructor(
    readonly journey: Journey,
    readonly target: Target,
    readonly input: OperationInput,
  ) {}

  /** Brings a store to where the journey's own steps begin. */
  static async begin(stage: Stage, journey: Journey): Promise<Scene> {
    const target = await Target.create(stage, journey.kind);
    if (journey.operation === 'disconnect') await goBefore(target, journey);
    const { input } = await stage.world.accept(journey.operation, target.store.id);
    const scene = new Scene(journey, target, input);
    scene.results = await finishAll(target.dependencies, journey.before ?? [], input);
    return scene;
  }

  get dependencies(): Dependencies {
    return this.target.dependencies;
  }

  connect(): Promise<void> {
    return connect(this.target);
  }

  /** Disconnects the store, undisturbed. */
  async disconnect(): Promise<void> {
    const { stage, store, kind } = this.target;
    const { input } = await stage.world.accept('disconnect', store.id);
    await finishAll(this.dependencies, [...UNDO[kind], DISCONNECTED], input);
    expect((await this.target.read()).connectionState).toBe('DISCONNECTED');
    await this.target.expectNothing();
  }

  /** As the played operation has to end. */
  async expectEnd(): Promise<void> {
    const { ends } = this.journey;
    if (ends === 'CONNECTED') return this.target.expectConnected();
    expect((await this.target.read()).connectionState).toBe(ends);
    await this.target.expectNothing();
  }
}

/** What comes before a disconnect: a connect that succeeds, or one that is cut off. */
async function goBefore(target: Target, { kind, overtook }: Journey): Promise<void> {
  if (!overtook) return connect(target);
  const { input } = await target.stage.world.accept('connect', target.store.id);
  const last = FORWARD[kind].findIndex(({ name }) => name === overtook.step);
  const results = await finishAll(target.dependencies, FORWARD[kind].slice(0, last), input);
  const [step] = FORWARD[kind].slice(last);
  const worker = new MortalWorker(target.dependencies, overtook);
  if (step) await begin(worker, step, input, results);
  if (!worker.dead) throw new Error(`nobody died at ${String(overtook.effect)}`);
}

/** Connects a store, undisturbed. */
async function connect(target: Target): Promise<void> {
  const { input } = await target.stage.world.accept('connect', target.store.id);
  await finishAll(target.dependencies, [...FORWARD[target.kind], CONNECTED], input);
  await target.expectConnected();
}
