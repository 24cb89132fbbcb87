import type { HsmLogin } from './hsm-login';
import { createSimulatorHsmLogin } from './simulator';

/** Values of `KEYMOOR_HSM`. */
export type HsmKind = 'simulator' | 'pkcs11' | 'cloudhsm';

/**
 * The way to log in to HSMs that was asked for.
 * @throws Error with one line for the operator, where this version has no such way or lacks what it needs
 */
export function openHsmLogin(
  kind: HsmKind,
  options: { simulatorUrl?: string; timeoutMs?: number },
): HsmLogin {
  if (kind !== 'simulator')
    throw new Error(
      `KEYMOOR_HSM=${kind} is not available in this version: use KEYMOOR_HSM=simulator with KEYMOOR_SIMULATOR_URL`,
    );
  if (options.simulatorUrl === undefined)
    throw new Error('KEYMOOR_HSM=simulator needs KEYMOOR_SIMULATOR_URL, for example http://127.0.0.1:4582');
  return createSimulatorHsmLogin({
    simulatorUrl: options.simulatorUrl,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  });
}
