import { join } from 'node:path';
import pino from 'pino';
import { checkHsm } from '../../worker/hsm-check';
import type { HsmCheckLine } from '../../worker/hsm-check';
import { homeOf, hsmCheckEnvironment } from '../environment';
import type { HsmCheckEnvironment } from '../environment';
import { EnvironmentError } from '../environment/environment-error';
import type { Environment } from '../environment/environment-error';
import { oneLine } from '../one-line';
import { readEndpoints } from '../supervisor/endpoints-file';

const WORKS = 0;
const DOES_NOT_WORK = 1;
const WRONG_COMMAND = 2;

/**
 * `keymoor hsm check STORE`: walks the way of a connect to the store's HSMs, and prints what works.
 *
 * @returns the exit code
 */
export async function runHsmCheck(storeId: string, environment: Environment): Promise<number> {
  let own: HsmCheckEnvironment;
  try {
    own = hsmCheckEnvironment(environment, runningDev(environment));
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    process.stderr.write(`keymoor: ${error.message}\n`);
    return WRONG_COMMAND;
  }
  // Nobody reads on (`| head`): what is left to say is not worth a stack trace.
  process.stdout.on('error', () => process.exit(DOES_NOT_WORK));
  const logger = pino({ level: 'silent' });
  const tell = (line: HsmCheckLine): void => {
    process.stdout.write(`${line.works ? 'ok  ' : 'FAIL'}  ${line.text}\n`);
  };
  try {
    return (await checkHsm({ ...own, logger }, storeId, tell)) ? WORKS : DOES_NOT_WORK;
  } catch (error) {
    // A file that one of the variables names is no good.
    process.stderr.write(`keymoor: ${oneLine(error)}\n`);
    return WRONG_COMMAND;
  }
}

/** What a `dev` on this machine has already told. */
function runningDev(
  environment: Environment,
): { database: string; simulator: string; masterKeyFile: string } | undefined {
  const home = homeOf(environment);
  const endpoints = readEndpoints(join(home, 'endpoints.json'));
  return endpoints && { ...endpoints, masterKeyFile: join(home, 'master-key') };
}
