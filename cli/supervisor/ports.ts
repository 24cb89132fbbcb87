import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { DevEnvironment } from '../environment';
import { findFreePorts, portProblem } from '../free-port';
import { checkListenHost } from '../listen-host';
import { StartError } from '../program';
import type { Home } from './home';
import { writeAtomically } from './write-atomically';

/** Every port of an embedded Keymoor. They stay while it runs, whatever is restarted. */
export interface Ports {
  kms: number;
  admin: number;
  simulator: number;
  workerAdmin: number;
  postgres: number;
  temporal: number;
  temporalUi: number;
}

/** Chosen once per home and kept, so that a database client or a browser tab finds them again. */
const KEPT = ['postgres', 'temporal', 'temporalUi'] as const;
type Kept = (typeof KEPT)[number];
const keptSchema = z.object({ postgres: z.number(), temporal: z.number(), temporalUi: z.number() });

const VARIABLES = {
  kms: 'KEYMOOR_PORT',
  admin: 'KEYMOOR_ADMIN_PORT',
  simulator: 'KEYMOOR_SIMULATOR_PORT',
  workerAdmin: 'KEYMOOR_WORKER_ADMIN_PORT',
} as const;

/** The engines listen on loopback alone. */
const ENGINE_HOST = '127.0.0.1';

/**
 * Chooses the ports and sees that they are free.
 * @param engines which of the kept ports are needed
 * @throws StartError with one line
 */
export async function choosePorts(
  { host, ports }: Pick<DevEnvironment, 'host' | 'ports'>,
  home: Home,
  engines: { postgres: boolean; temporal: boolean },
): Promise<Ports> {
  await checkListenHost(host);
  const names = ['kms', 'admin', 'simulator', 'workerAdmin'] as const;
  const fixed = names.filter((name) => ports[name] !== 0);
  for (const name of fixed) await mustBeFree(host, ports[name], VARIABLES[name]);
  const twice = fixed.find((name, index) => fixed.findIndex((other) => ports[other] === ports[name]) < index);
  if (twice !== undefined) {
    throw new StartError(
      `${VARIABLES[twice]}: ${String(ports[twice])} is the port of something else of Keymoor; set it to another one`,
    );
  }
  const taken = fixed.map((name) => ports[name]);
  const kept = await keptPorts(home, taken);
  if (engines.postgres) await mustBeFreeForEngine(kept.postgres, 'PostgreSQL', home);
  if (engines.temporal) {
    await mustBeFreeForEngine(kept.temporal, 'Temporal', home);
    await mustBeFreeForEngine(kept.temporalUi, 'Temporal’s web UI', home);
  }
  const free = await findFreePorts(host, names.length - fixed.length, [...taken, ...Object.values(kept)]);
  const own = Object.fromEntries(names.map((name) => [name, ports[name] === 0 ? free.pop() : ports[name]]));
  return { ...(own as Pick<Ports, (typeof names)[number]>), ...kept };
}

async function keptPorts(home: Home, taken: readonly number[]): Promise<Record<Kept, number>> {
  const kept = keptSchema.safeParse(readJson(home.portsFile));
  if (kept.success && !Object.values(kept.data).some((port) => taken.includes(port))) return kept.data;
  const [postgres = 0, temporal = 0, temporalUi = 0] = await findFreePorts(ENGINE_HOST, KEPT.length, taken);
  const chosen = { postgres, temporal, temporalUi };
  writeAtomically(home.portsFile, `${JSON.stringify(chosen)}\n`);
  return chosen;
}

async function mustBeFree(host: string, port: number, variable: string): Promise<void> {
  const problem = await portProblem(host, port);
  if (problem === undefined) return;
  if (problem === 'EADDRINUSE') {
    throw new StartError(
      `${variable}: port ${String(port)} on ${host} is in use by another program; stop that one, or set ${variable} to another port (0 picks a free one)`,
    );
  }
  if (problem === 'EACCES')
    throw new StartError(`${variable}: this user may not listen on port ${String(port)}`);
  throw new StartError(`${variable}: cannot listen on port ${String(port)} of ${host} (${problem})`);
}

async function mustBeFreeForEngine(port: number, who: string, home: Home): Promise<void> {
  if ((await portProblem(ENGINE_HOST, port)) === undefined) return;
  throw new StartError(
    `port ${String(port)}, which ${home.portsFile} keeps for ${who}, is in use by another program; stop that one, or delete the file to choose anew`,
  );
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined; // a new home, or a file that nobody can use: ports are chosen anew
  }
}
