import type { Agent } from 'node:http';
import { askSimulator } from '../ask-simulator';
import type { SimulatorAnswer } from '../ask-simulator';
import { HsmFailure } from './hsm-login';

/** Where an address of the simulated VPC leads on this machine. */
export interface SimulatorRoute {
  host: string;
  port: number;
}

/**
 * Asks the simulator for the way to an HSM through the network interfaces of a security group
 * (docs/simulated-hsm-protocol.md, "Finding the way"). Asked each time, as ports change with its restarts.
 *
 * @param signal ends the request
 * @throws HsmFailure `unreachable`
 */
export async function findSimulatorRoute(
  simulatorUrl: string,
  to: { eniIp: string; securityGroupId: string; name: string },
  agent: Agent,
  signal: AbortSignal,
): Promise<SimulatorRoute> {
  const query = new URLSearchParams({ address: to.eniIp, securityGroupId: to.securityGroupId });
  const unreachable = (why: string) => new HsmFailure('unreachable', `${to.name}: no way to it (${why})`);

  let answer: SimulatorAnswer;
  try {
    answer = await askSimulator(simulatorUrl, `/_network/routes?${query.toString()}`, signal, agent);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw unreachable(
      `the simulator does not answer: ${signal.aborted ? 'given up' : (code ?? 'connection lost')}`,
    );
  }
  const { host, port, message } = parseObject(answer.body);
  if (answer.status === 200 && typeof host === 'string' && typeof port === 'number') return { host, port };
  throw unreachable(typeof message === 'string' ? message : `the simulator answered ${answer.status}`);
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
