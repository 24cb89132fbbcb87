/** Whether `dist/` is what the sources say. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprintOfTimes } from './fingerprint.mjs';
import { DIST, PROJECT, ROOMS, WORKFLOW_BUNDLE } from './layout.mjs';

const STAMP = join(DIST, '.built');
const INPUTS = [...ROOMS, '.swcrc', 'package-lock.json', 'scripts/build.mjs', 'scripts/layout.mjs'];

/** Taken before a build and handed to `markBuilt` after it, so that a file written meanwhile is built next time. */
export function sourcesFingerprint() {
  return fingerprintOfTimes(PROJECT, INPUTS);
}

/** @returns {boolean} */
export function isBuilt() {
  if (!existsSync(STAMP) || !existsSync(WORKFLOW_BUNDLE)) return false;
  return readFileSync(STAMP, 'utf8') === sourcesFingerprint();
}

/** @param {string} fingerprint of the sources that were built */
export function markBuilt(fingerprint) {
  writeFileSync(STAMP, fingerprint);
}
