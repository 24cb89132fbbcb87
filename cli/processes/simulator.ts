import { startSimulator } from '../../simulator/server';
import { simulatorEnvironment } from '../environment';
import type { Environment } from '../environment/environment-error';
import { wrongVariable } from '../environment/variables';
import { checkListenHost } from '../listen-host';
import { makeFolder, whyNoFolder } from '../make-folder';
import { runProcess } from './run-process';

/** `keymoor simulator`. */
export async function runSimulator(environment: Environment): Promise<void> {
  const { host, port, stateDir, pace, region, logLevel } = simulatorEnvironment(environment);
  await checkListenHost(host);
  try {
    makeFolder(stateDir, 0o700);
  } catch (error) {
    throw wrongVariable('KEYMOOR_HOME', `"${stateDir}" cannot be used: ${whyNoFolder(error)}`);
  }
  await runProcess({
    name: 'simulator',
    logLevel,
    closeTimeoutMs: 5_000,
    start: (logger) => startSimulator({ host, port, stateDir, pace, region, logger }),
  });
}
