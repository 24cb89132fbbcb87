import type { Counts } from './options';

/** Milliseconds of two things that took turns, in the order in which they were measured. */
export interface Turns {
  ours: number[];
  beside: number[];
}

/**
 * Measures two things by turns, one at a time: each turn does both, and the next one the other way round, so that
 * neither always comes after the other. The first `warmUp` turns are not counted.
 *
 * @param ours gets the number of its turn, from 0 on, warm-up included; both return milliseconds
 */
export async function inTurns(
  { warmUp, turns }: Pick<Counts, 'warmUp'> & { turns: number },
  ours: (turn: number) => Promise<number>,
  beside: (turn: number) => Promise<number>,
): Promise<Turns> {
  const measured: Turns = { ours: [], beside: [] };
  const works = [
    { work: ours, into: measured.ours },
    { work: beside, into: measured.beside },
  ];
  for (let turn = 0; turn < warmUp + turns; turn += 1) {
    for (const { work, into } of turn % 2 === 0 ? works : works.toReversed()) {
      const taken = await work(turn);
      if (turn >= warmUp) into.push(taken);
    }
  }
  return measured;
}
