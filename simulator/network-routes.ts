import type { HsmNetwork } from './hsm/network';
import { answerHsmRoute } from './hsm/routes';
import type { Answer } from './http/answer';
import { json } from './http/answer';
import type { HttpCall } from './http/http-call';
import type { XksNetwork } from './xks/network';
import { answerAuthority, answerName } from './xks/routes';

/** The networks that are asked. */
export interface Networks {
  hsms: HsmNetwork;
  proxies: XksNetwork;
}

const ROUTES: Record<string, (networks: Networks, call: HttpCall) => Promise<Answer>> = {
  '/_network/routes': ({ hsms }, call) => answerHsmRoute(hsms, call),
  '/_network/names': ({ proxies }, call) => answerName(proxies, call),
  '/_network/ca': ({ proxies }) => answerAuthority(proxies),
};

/** `/_network/…`: where addresses and names of the simulated world lead on this machine, and whom to trust there. */
export async function answerNetwork(networks: Networks, call: HttpCall): Promise<Answer> {
  const path = call.url.pathname;
  const route = Object.hasOwn(ROUTES, path) ? ROUTES[path] : undefined;
  if (call.method === 'GET' && route !== undefined) return route(networks, call);
  return json(404, { message: `There is only GET ${Object.keys(ROUTES).join(', ')} here.` });
}
