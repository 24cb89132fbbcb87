import { wrongVariable } from './environment/variables';
import { portProblem } from './free-port';

/** What listening on a host says that is not of this machine, or that no name server knows. */
const NOT_OURS = ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'];

/**
 * Sees that `KEYMOOR_HOST` can be listened on at all, before a port of it is asked for.
 * @throws EnvironmentError
 */
export async function checkListenHost(host: string): Promise<void> {
  const problem = await portProblem(host, 0);
  if (problem === undefined || !NOT_OURS.includes(problem)) return;
  throw wrongVariable('KEYMOOR_HOST', `"${host}" is not an address of this machine`);
}
