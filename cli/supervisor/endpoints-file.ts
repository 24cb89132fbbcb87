import { isIPv6 } from 'node:net';
import { readFileSync, rmSync } from 'node:fs';
import { writeAtomically } from './write-atomically';

/** `endpoints.json` of the contract: where everything is, for tests and scripts. There while all is ready. */
export interface Endpoints {
  kms: string;
  admin: string;
  simulator: string;
  workerAdmin: string;
  temporal: string;
  /** not where Temporal is the user's own */
  temporalUi?: string;
  database: string;
  pids: Partial<Record<'supervisor' | 'postgres' | 'temporal' | 'simulator' | 'worker' | 'api', number>>;
}

/** Holds the database's password: readable by its owner alone. */
export function writeEndpoints(path: string, endpoints: Endpoints): void {
  writeAtomically(path, `${JSON.stringify(endpoints, undefined, 2)}\n`);
}

/** Where everything is, if it runs. */
export function readEndpoints(path: string): Endpoints | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Endpoints;
  } catch {
    return undefined;
  }
}

export function removeEndpoints(path: string): void {
  rmSync(path, { force: true });
}

/** Where one reaches on this machine what listens on `host`. */
export function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return isIPv6(host) ? `[${host}]` : host;
}
