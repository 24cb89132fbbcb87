import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** AWS, as it answers who asks too often: before anything is done, in each service's own words. */
export interface ThrottlingProxy {
  url: string;
  counts: { passed: number; throttled: number };
  close(): Promise<void>;
}

interface Refusal {
  status: number;
  type: string;
  body: string;
}

const CLOUDHSM: Refusal = {
  status: 400,
  type: 'application/x-amz-json-1.1',
  body: '{"__type":"ThrottlingException","message":"Rate exceeded"}',
};
const EC2: Refusal = {
  status: 503,
  type: 'text/xml',
  body: '<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded.</Message></Error></Errors><RequestID>1</RequestID></Response>',
};
const ROUTE_53: Refusal = {
  status: 400,
  type: 'text/xml',
  body: '<ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error><RequestId>1</RequestId></ErrorResponse>',
};

/** Which words; undefined for what is no call of AWS (routes of the simulated network). */
function refusalOf({ headers, url }: IncomingMessage): Refusal | undefined {
  if (headers['x-amz-target'] !== undefined) return CLOUDHSM;
  if (headers['content-type']?.includes('x-www-form-urlencoded')) return EC2;
  return url?.startsWith('/2013-04-01/') ? ROUTE_53 : undefined;
}

/** A generator of numbers in [0, 1) that a seed repeats. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Stands before the simulator and refuses calls of AWS with the given probability. */
export async function startThrottlingProxy(
  simulatorUrl: string,
  options: { seed: number; probability: number },
): Promise<ThrottlingProxy> {
  const random = seeded(options.seed);
  const counts = { passed: 0, throttled: 0 };
  const server = createServer((near, answer) => {
    const refusal = refusalOf(near);
    if (refusal && random() < options.probability) {
      counts.throttled += 1;
      near.resume();
      answer.writeHead(refusal.status, { 'content-type': refusal.type }).end(refusal.body);
      return;
    }
    if (refusal) counts.passed += 1;
    forward(simulatorUrl, near, answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function forward(simulatorUrl: string, near: IncomingMessage, answer: ServerResponse): void {
  const { hostname, port } = new URL(simulatorUrl);
  const { method, url: path, headers } = near;
  const far = request({ hostname, port, method, path, headers }, (reply) => {
    answer.writeHead(reply.statusCode ?? 502, reply.headers);
    reply.pipe(answer);
  });
  far.on('error', () => answer.destroy());
  near.pipe(far);
}
