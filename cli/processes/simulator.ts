import { startSimulator } from '../../simulator/server';
import { simulatorEnvironment } from '../environment';
import type { Environment } from '../environment/environment-error';
import { runProcess } from './run-process';

/** `keymoor simulator`. */
export async function runSimulator(environment: Environment): Promise<void> {
  const { host, port, stateDir, pace, region, logLevel } = simulatorEnvironment(environment);
  await runProcess({
    name: 'simulator',
    logLevel,
    closeTimeoutMs: 5_000,
    start: (logger) => startSimulator({ host, port, stateDir, pace, region, logger }),
  });
}
