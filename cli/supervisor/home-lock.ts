import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { processIdentity } from '../process-identity';
import { StartError } from '../program';
import type { Home } from './home';
import { errorCode } from '../error-facts';

/** Who holds a home. The identity tells the supervisor from a later process with the same pid. */
const lockSchema = z.object({ pid: z.number(), identity: z.string() });

/** Longer than a take-over can take. */
const TAKEOVER_STALE_MS = 10_000;

/**
 * Takes the home for this process; a lock whose process is gone is taken over.
 * @returns gives it back
 * @throws StartError where another supervisor uses the home
 */
export function lockHome(home: Home): () => void {
  const identity = processIdentity(process.pid);
  if (identity === undefined)
    throw new StartError('cannot find out when this process was started (is `ps` installed?)');
  const draft = `${home.lockFile}.${String(process.pid)}`;
  writeFileSync(draft, JSON.stringify({ pid: process.pid, identity }), { mode: 0o600 });
  try {
    if (!linked(draft, home.lockFile)) {
      refuseIfHeld(home);
      takeOver(home, draft);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  return () => {
    rmSync(home.lockFile, { force: true });
  };
}

/** Of two that find the same dead lock, one may replace it; the other looks again. */
function takeOver(home: Home, draft: string): void {
  const token = `${home.lockFile}.takeover`;
  if (!linked(draft, token)) {
    const since = statSync(token, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Math.abs(Date.now() - since) < TAKEOVER_STALE_MS) throw inUse(home, 'that starts at this moment');
    rmSync(token, { force: true });
    if (!linked(draft, token)) throw inUse(home, 'that starts at this moment');
  }
  try {
    refuseIfHeld(home);
    rmSync(home.lockFile, { force: true });
    if (!linked(draft, home.lockFile)) throw inUse(home, 'that starts at this moment');
  } finally {
    rmSync(token, { force: true });
  }
}

function refuseIfHeld(home: Home): void {
  const holder = lockHolder(home);
  if (holder !== undefined && holder !== process.pid) throw inUse(home, `(pid ${String(holder)})`);
}

/** The pid of the supervisor that uses the home, or undefined. */
export function lockHolder(home: Home): number | undefined {
  let text: string;
  try {
    text = readFileSync(home.lockFile, 'utf8');
  } catch {
    return undefined;
  }
  const lock = lockSchema.safeParse(parseJson(text));
  if (!lock.success) return undefined; // linked into place whole: what cannot be read is not ours
  return processIdentity(lock.data.pid) === lock.data.identity ? lock.data.pid : undefined;
}

function inUse(home: Home, by: string): StartError {
  return new StartError(
    `KEYMOOR_HOME: ${home.folder} is in use by another keymoor ${by}; stop that one, or set KEYMOOR_HOME to another folder`,
  );
}

/** A link appears whole or not at all, and never replaces anything. */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
