import type { XksNetwork } from './network';
import type { Answer } from '../http/answer';
import { json } from '../http/answer';
import type { HttpCall } from '../http/http-call';

/** `GET /_network/names?host=`: where the name of a proxy leads on this machine. */
export async function answerName(network: XksNetwork, call: HttpCall): Promise<Answer> {
  const host = call.url.searchParams.get('host');
  if (host === null) return json(400, { message: 'host must be given.' });
  const way = await network.way(host);
  if (way !== undefined) return json(200, way);
  return json(404, {
    message:
      `${host} does not resolve: no proxy has that name, or it is the private name of an endpoint service ` +
      `and no available interface endpoint and DNS record lead to it.`,
  });
}

/** `GET /_network/ca`: the certificate authority of the proxies, PEM. */
export async function answerAuthority(network: XksNetwork): Promise<Answer> {
  return { status: 200, contentType: 'text/plain', body: `${await network.authority()}\n` };
}
