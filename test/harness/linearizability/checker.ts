/**
 * Whether what concurrent callers saw can be explained by one order of their calls (Herlihy and Wing's linearizability).
 * The search is Wing and Gong's with what Lowe added to it: a call is put into the order only when some answer needs
 * it, and every configuration is looked at once.
 */

/** A call as its caller saw it. Times are of one monotonic clock. */
export interface Call<Request, Answer> {
  request: Request;
  began: number;
  /** undefined: the answer was lost, and the call may have taken effect at any time since, or not at all */
  end?: { at: number; answer: Answer };
}

/** What one caller after the other would see. */
export interface SequentialModel<State, Request, Answer> {
  initial: State;
  /** the states after `request` got this answer; none where it could not get it */
  answered(state: State, request: Request, answer: Answer): State[];
  /** the states after `request` took effect, if it did, and nobody heard of it */
  unanswered(state: State, request: Request): State[];
  /** the states to which it may go on without any call */
  byItself(state: State): State[];
  /** equal for equal states */
  key(state: State): string;
}

/** What a history turned out to be. `configurations`: how many the search looked at. */
export type Verdict<State, Request, Answer> =
  | { linearizable: true; configurations: number }
  | {
      linearizable: false;
      configurations: number;
      /** the first call, by the time of its answer, whose answer nothing explains */
      unexplained: Call<Request, Answer>;
      /** what the state may have been when that answer came, were it not for this answer */
      possible: State[];
    };

/** So many make a search hopeless: the history is too long, or too many of its answers were lost. */
const MOST_CONFIGURATIONS = 2_000_000;

/** Some calls under way have taken effect, though their answers are still to come. */
interface Configuration<State> {
  state: State;
  /** their places in the history */
  effective: readonly number[];
}

/**
 * Looks for an order of the calls in which every answer is right, and which keeps what really came after what.
 * @throws Error where the search would never end
 */
export function checkHistory<State, Request, Answer>(
  model: SequentialModel<State, Request, Answer>,
  history: readonly Call<Request, Answer>[],
): Verdict<State, Request, Answer> {
  let configurations = 1;
  let possible: Configuration<State>[] = [{ state: model.initial, effective: [] }];
  const underWay = new Set<number>();

  /** Every configuration in which call `place` has taken effect, as few other calls as need be having done so first. */
  const explain = (place: number): Configuration<State>[] => {
    const reached = new Map<string, Configuration<State>>();
    const seen = new Set<string>();
    const open: Configuration<State>[] = [];
    const look = (configuration: Configuration<State>): void => {
      const key = `${configuration.effective.join()} ${model.key(configuration.state)}`;
      if (seen.has(key)) return;
      seen.add(key);
      configurations += 1;
      if (configurations > MOST_CONFIGURATIONS) throw new Error('this history has too many possible orders');
      if (configuration.effective.includes(place)) reached.set(key, configuration);
      else open.push(configuration);
    };
    possible.forEach(look);
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { state, effective } = next;
      for (const after of model.byItself(state)) look({ state: after, effective });
      for (const other of underWay) {
        const call = history[other];
        if (call === undefined || effective.includes(other)) continue;
        const nowEffective = [...effective, other].sort((a, b) => a - b);
        for (const after of statesAfter(model, state, call)) look({ state: after, effective: nowEffective });
      }
    }
    return [...reached.values()];
  };

  for (const { place, call, kind } of eventsOf(history)) {
    if (kind === 'began') {
      underWay.add(place);
      continue;
    }
    const explained = explain(place);
    if (explained.length === 0) {
      const states = new Map(possible.map(({ state }) => [model.key(state), state]));
      return { linearizable: false, configurations, unexplained: call, possible: [...states.values()] };
    }
    underWay.delete(place);
    possible = explained.map(({ state, effective }) => ({
      state,
      effective: effective.filter((other) => other !== place),
    }));
  }
  return { linearizable: true, configurations };
}

function statesAfter<State, Request, Answer>(
  model: SequentialModel<State, Request, Answer>,
  state: State,
  { request, end }: Call<Request, Answer>,
): State[] {
  return end ? model.answered(state, request, end.answer) : model.unanswered(state, request);
}

/** Beginnings before ends of the same moment: such calls overlap. */
function eventsOf<Request, Answer>(
  history: readonly Call<Request, Answer>[],
): { at: number; place: number; call: Call<Request, Answer>; kind: 'began' | 'ended' }[] {
  return history
    .flatMap((call, place) => [
      { at: call.began, place, call, kind: 'began' as const },
      ...(call.end ? [{ at: call.end.at, place, call, kind: 'ended' as const }] : []),
    ])
    .sort((a, b) => a.at - b.at || Number(a.kind === 'ended') - Number(b.kind === 'ended'));
}
