import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import type { Request } from '../../harness/linearizability/account-model';
import type { AccountUnderTest } from './account-under-test';

/*
 * What several callers do to one account, as model commands of fast-check. A command only queues its call: each caller
 * makes one call after the other, and all callers run at once.
 */

const CALLERS = 4;
/** Names that calls compete for; the others are nobody else's. */
const SHARED_NAMES = ['red', 'green'];
/** For a caller that waits until nothing is under way; a worker that dies may hold an operation up for this long. */
const SETTLE_LIMIT_MS = 90_000;

/** Which places have had a Create: until then there is nothing to call. */
export interface Planned {
  created: Set<number>;
}

/** What a plan runs on. */
export class Run {
  #names = 0;
  readonly #callers = new Map<number, Promise<void>>();

  constructor(readonly account: AccountUnderTest) {}

  /** After all that the caller has to do already. */
  queue(caller: number, work: () => Promise<void>): void {
    const before = this.#callers.get(caller) ?? Promise.resolve();
    const next = before.then(work);
    next.catch(() => undefined);
    this.#callers.set(caller, next);
  }

  /** Resolves when every caller has done all it had to do. */
  async ended(): Promise<void> {
    await Promise.all(this.#callers.values());
  }

  name(choice: number): string {
    return SHARED_NAMES[choice] ?? `name ${(this.#names += 1)}`;
  }

  /** The id of the store in a place: the last that was heard of, or one of those before. */
  id(place: number, back: number): string | undefined {
    const ids = this.account.ids[place] ?? [];
    return ids[ids.length - 1 - back] ?? ids.at(-1);
  }
}

type Command = fc.AsyncCommand<Planned, Run>;

/** Who calls through which endpoint, and about which store. */
interface Who {
  caller: number;
  endpoint: number;
  place: 0 | 1;
}

/** A call that `make` words when its turn has come; without words it is left out. */
class CallCommand implements Command {
  constructor(
    private readonly who: Who,
    private readonly what: string,
    private readonly make: (run: Run) => Request | undefined,
  ) {}

  check({ created }: Readonly<Planned>): boolean {
    return this.what.startsWith('Create') || created.has(this.who.place);
  }

  run(planned: Planned, run: Run): Promise<void> {
    const { caller, endpoint, place } = this.who;
    if (this.what.startsWith('Create')) planned.created.add(place);
    run.queue(caller, async () => {
      const request = this.make(run);
      if (request) await run.account.call(endpoint, request);
    });
    return Promise.resolve();
  }

  toString(): string {
    const { caller, endpoint, place } = this.who;
    return `caller ${caller}, endpoint ${endpoint}, place ${place}: ${this.what}`;
  }
}

/** Something else that takes its turn. */
class TurnCommand implements Command {
  constructor(
    private readonly caller: number,
    private readonly what: string,
    private readonly work: (run: Run) => Promise<void>,
  ) {}

  check(): boolean {
    return true;
  }

  run(_: Planned, run: Run): Promise<void> {
    run.queue(this.caller, () => this.work(run));
    return Promise.resolve();
  }

  toString(): string {
    return `caller ${this.caller}: ${this.what}`;
  }
}

const anyone: fc.Arbitrary<Who> = fc.record({
  caller: fc.nat(CALLERS - 1),
  endpoint: fc.nat(1),
  place: fc.constantFrom(0, 1),
});

/** The latest store more often than one that is gone. */
const back = fc.constantFrom(0, 0, 0, 0, 0, 1);
/** Half of the names are shared. */
const nameChoice = fc.nat(3);

const create = fc.tuple(anyone, nameChoice, fc.boolean()).map(([who, choice, right]) => {
  const make = ({ account, name }: { account: AccountUnderTest; name: string }): Request => ({
    operation: 'Create',
    place: account.places[who.place],
    name,
    secret: account.secret(who.place, right),
  });
  return new CallCommand(who, `Create name ${choice}, ${right ? 'right' : 'wrong'} secret`, (run) =>
    make({ account: run.account, name: run.name(choice) }),
  );
});

const ofStore = (operation: 'Connect' | 'Disconnect' | 'Delete' | 'Describe'): fc.Arbitrary<Command> =>
  fc.tuple(anyone, back).map(
    ([who, before]) =>
      new CallCommand(who, operation, (run) => {
        const id = run.id(who.place, before);
        return id === undefined ? undefined : { operation, id };
      }),
  );

const update = fc
  .tuple(anyone, back, nameChoice, fc.boolean(), fc.constantFrom('name', 'secret', 'both'))
  .map(
    ([who, before, choice, right, members]) =>
      new CallCommand(
        who,
        `Update of ${members}: name ${choice}, ${right ? 'right' : 'wrong'} secret`,
        (run) => {
          const id = run.id(who.place, before);
          if (id === undefined) return undefined;
          return {
            operation: 'Update',
            id,
            ...(members !== 'secret' && { name: run.name(choice) }),
            ...(members !== 'name' && { secret: run.account.secret(who.place, right) }),
          };
        },
      ),
  );

const describeByName = fc.tuple(anyone, fc.nat(1)).map(
  ([who, choice]) =>
    new CallCommand(who, `Describe name ${choice}`, (run) => ({
      operation: 'Describe',
      name: run.name(choice),
    })),
);
const describeAll = anyone.map(
  (who) => new CallCommand(who, 'Describe all', () => ({ operation: 'Describe' })),
);

/** Looks again and again until nothing is under way for the store: what it sees meanwhile belongs to the history. */
async function untilSettled(run: Run, { endpoint, place }: Who): Promise<void> {
  const until = Date.now() + SETTLE_LIMIT_MS;
  for (;;) {
    const id = run.id(place, 0);
    if (id === undefined) return;
    const answer = await run.account.call(endpoint, { operation: 'Describe', id });
    const stores = answer?.kind === 'seen' ? answer.stores : [];
    if (answer && !stores.some(({ connectionState: state }) => state.endsWith('ING'))) return;
    if (Date.now() > until) throw new Error(`${id} does not settle: ${JSON.stringify(answer)}`);
    await pause(25);
  }
}

const settle = anyone.map(
  (who) =>
    new TurnCommand(who.caller, `waits until place ${who.place} has settled`, (run) =>
      untilSettled(run, who),
    ),
);

/** All callers at the same moment, each through one of the endpoints: what races for one row. */
class RaceCommand implements Command {
  constructor(
    private readonly who: Who,
    private readonly operations: readonly (typeof RACERS)[number][],
  ) {}

  check({ created }: Readonly<Planned>): boolean {
    return created.has(this.who.place);
  }

  run(_: Planned, run: Run): Promise<void> {
    let waiting = this.operations.length;
    let start = (): void => undefined;
    const started = new Promise<void>((resolve) => (start = resolve));
    this.operations.forEach((operation, caller) => {
      run.queue(caller, async () => {
        waiting -= 1;
        if (waiting === 0) await untilSettled(run, this.who).finally(start);
        await started;
        const id = run.id(this.who.place, 0);
        if (id === undefined) return;
        const request: Request =
          operation === 'Update'
            ? { operation, id, secret: run.account.secret(this.who.place, true), name: run.name(2) }
            : { operation, id };
        await run.account.call(caller % 2, request);
      });
    });
    return Promise.resolve();
  }

  toString(): string {
    return `all callers about place ${this.who.place}: ${this.operations.join()}`;
  }
}

const RACERS = ['Connect', 'Disconnect', 'Update', 'Delete', 'Describe'] as const;
const race = fc
  .tuple(
    anyone,
    // Two of a kind at least, of those that two callers must not both get.
    fc.constantFrom('Connect' as const, 'Disconnect' as const),
    fc.array(fc.constantFrom(...RACERS), { minLength: CALLERS - 2, maxLength: CALLERS - 2 }),
    fc.boolean(),
  )
  .map(
    ([who, twice, others, before]) =>
      new RaceCommand(who, before ? [twice, twice, ...others] : [...others, twice, twice]),
  );

/** So that calls fall into all parts of an operation. */
const linger = fc
  .tuple(fc.nat(CALLERS - 1), fc.nat(150))
  .map(([caller, ms]) => new TurnCommand(caller, `waits ${ms} ms`, async () => void (await pause(ms))));

/** A plan for one account. */
export function plans(maxCommands: number): fc.Arbitrary<Iterable<Command>> {
  const often = (arbitrary: fc.Arbitrary<Command>, times: number): fc.Arbitrary<Command>[] =>
    Array.from({ length: times }, () => arbitrary);
  return fc.commands(
    [
      ...often(create, 2),
      ...often(ofStore('Connect'), 5),
      ...often(ofStore('Disconnect'), 4),
      ...often(ofStore('Delete'), 2),
      ...often(ofStore('Describe'), 2),
      ...often(update, 4),
      describeByName,
      describeAll,
      ...often(settle, 4),
      ...often(race, 6),
      ...often(linger, 3),
    ],
    { maxCommands, size: 'max' },
  );
}

/** Runs a plan until every caller is done. It begins with a store in each place, and both being connected. */
export async function carryOut(plan: Iterable<Command>, run: Run): Promise<void> {
  const { account } = run;
  for (const place of [0, 1] as const) {
    const request = { operation: 'Create', place: account.places[place], name: run.name(2) } as const;
    await account.call(place, { ...request, secret: account.secret(place, true) });
    const id = run.id(place, 0);
    if (id !== undefined) await account.call(1 - place, { operation: 'Connect', id });
  }
  await fc.asyncModelRun(() => ({ model: { created: new Set([0, 1]) }, real: run }), plan);
  await run.ended();
}
