import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WHOLE } from '../../harness/sample';

/*
 * Tests are made of a recording: jest wants to know their names before the first of them can look at anything. A test
 * of its own holds the recording to what is done today.
 */

/** Effects of each part of each journey, as the last recording found them. */
type Recording = Record<string, Record<string, string[]>>;

const FILE = join(__dirname, 'effects.json');
const RECORDED = JSON.parse(readFileSync(FILE, 'utf8')) as Recording;
/** `npm run crash-points -- --record` */
export const RECORDING = process.env['KEYMOOR_RECORD_CRASH_POINTS'] === '1';

/** The recorded effects of one part of a journey. */
export function recordedEffects(journey: string, part: string): readonly string[] {
  return RECORDED[journey]?.[part] ?? [];
}

/** That a journey does what is recorded: each effect then has its tests. */
export function expectRecorded(journey: string, seen: Record<string, string[]>): void {
  if (RECORDING) {
    const recording = JSON.parse(readFileSync(FILE, 'utf8')) as Recording;
    writeFileSync(FILE, `${JSON.stringify({ ...recording, [journey]: seen }, undefined, 2)}\n`);
    return;
  }
  // It differs? `npm run crash-points -- --record` writes down what it does now.
  expect(seen).toEqual(RECORDED[journey]);
}

/**
 * All ways to cut off a process at one effect; or one of them, at half of the effects: which one, `name` decides, so that
 * it is the same every time. Half of those die: there are fewer ways to go on from there.
 */
export function chosenOf<T extends { fate: string }>(name: string, plays: readonly T[]): readonly T[] {
  if (WHOLE) return plays;
  const digest = createHash('sha256').update(name).digest();
  if (digest.readUInt8(5) % 2 === 1) return [];
  const dies = digest.readUInt8() % 2 === 0;
  const ofKind = plays.filter(({ fate }) => dies === !fate.startsWith('thaws'));
  return ofKind.filter((_, index) => index === digest.readUInt32BE(1) % ofKind.length);
}
