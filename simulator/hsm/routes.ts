import type { HsmNetwork } from './network';
import type { Answer } from '../http/answer';
import { json } from '../http/answer';
import type { HttpCall } from '../http/http-call';

/** `GET /_network/routes?address=&securityGroupId=`: where an address of the simulated VPC leads on this machine. */
export async function answerHsmRoute(network: HsmNetwork, call: HttpCall): Promise<Answer> {
  const address = call.url.searchParams.get('address');
  const securityGroupId = call.url.searchParams.get('securityGroupId');
  if (address === null || securityGroupId === null) {
    return json(400, { message: 'address and securityGroupId must be given.' });
  }
  const way = await network.route(address, securityGroupId);
  if (way !== undefined) return json(200, way);
  return json(404, {
    message:
      `Nothing answers at ${address}: there is no such HSM, it cannot be reached, ` +
      `or no interface of ${securityGroupId} is available in a subnet of its cluster.`,
  });
}
