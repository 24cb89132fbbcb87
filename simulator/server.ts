import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { CallLog } from './call-log';
import { answerCloudHsm, CLOUDHSM_TARGET } from './cloudhsm/service';
import type { Control } from './control/route';
import { answerControl } from './control/service';
import { answerEc2 } from './ec2/service';
import { FaultBoard } from './faults/fault-board';
import { HsmNetwork } from './hsm/network';
import type { Answer } from './http/answer';
import { json } from './http/answer';
import type { HttpCall } from './http/http-call';
import { callingAccount, isLoopback } from './http/http-call';
import { answerNetwork } from './network-routes';
import { Pipeline, UNANSWERED } from './pipeline';
import { answerRoute53, ROUTE53_PATH } from './route53/service';
import { Pace } from './world/pace';
import { World } from './world/world';
import { XksNetwork } from './xks/network';

/** Larger bodies are refused. */
const LARGEST_BODY = 1024 * 1024;
/** Longer than any client keeps an idle connection, so that a request never meets a closing one. */
const KEEP_ALIVE_MS = 10 * 60_000;

export interface SimulatorConfig {
  host: string;
  /** 0 picks a free one */
  port: number;
  /** where the simulated world lives; made, with mode 0700, when it is not there */
  stateDir: string;
  /** scales every simulated waiting time: 0 = none, 1 = a connect takes 2 to 5 s */
  pace: number;
  /** the Region whose zones there are */
  region: string;
  logger: Logger;
}

export interface RunningSimulator {
  /** `http://host:port`, of all its HTTP protocols */
  url: string;
  close(): Promise<void>;
}

/**
 * Starts the stand-in for AWS and for the customer's estate: CloudHSM v2, EC2, the HSMs, and the control API by which
 * a test or a demonstration arranges them. The world in `stateDir` goes on where it was left, also after a kill.
 * Throws when the folder cannot be used or the port is taken.
 */
export async function startSimulator(config: SimulatorConfig): Promise<RunningSimulator> {
  const world = World.open(config.stateDir);
  const calls = new CallLog(config.stateDir, config.logger);
  await calls.open();
  const faults = new FaultBoard(world);
  const pipeline = new Pipeline(world, faults, calls);
  const environment = { world, pace: new Pace(config.pace), region: config.region, logger: config.logger };
  const hsms = new HsmNetwork(environment, pipeline);
  const proxies = new XksNetwork(environment, pipeline);
  const control: Control = { ...environment, faults, calls, hsms, proxies };

  const route = (call: HttpCall, target: string | undefined): Promise<Answer | typeof UNANSWERED> => {
    const path = call.url.pathname;
    if (path.startsWith('/_control/')) {
      // unsigned, and it shows passwords: not for other machines, whatever address we listen on
      if (call.fromLoopback) return answerControl(control, call);
      return Promise.resolve(
        json(403, { message: 'The control API answers on the loopback address alone.' }),
      );
    }
    if (path.startsWith('/_network/')) return answerNetwork({ hsms, proxies }, call);
    if (target?.startsWith(CLOUDHSM_TARGET)) return answerCloudHsm(environment, pipeline, call, target);
    if (path.startsWith(ROUTE53_PATH)) return answerRoute53(environment, pipeline, call);
    if (call.method === 'POST' && path === '/' && target === undefined) {
      return answerEc2(environment, pipeline, call);
    }
    return Promise.resolve(
      json(404, { message: `The simulator knows nothing of ${target ?? `${call.method} ${path}`}.` }),
    );
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readWhole(request);
    if (body === undefined) {
      send(response, json(413, { message: `A body has at most ${LARGEST_BODY} bytes.` }));
      return;
    }
    const call: HttpCall = {
      method: request.method ?? 'GET',
      url: new URL(request.url ?? '/', 'http://simulator'),
      body,
      accountId: callingAccount(request.headers.authorization),
      fromLoopback: isLoopback(request.socket.remoteAddress),
      hangUp: (how) => {
        if (how === 'reset') request.socket.resetAndDestroy();
        else request.socket.destroy();
      },
    };
    const target = request.headers['x-amz-target'];
    const answer = await route(call, typeof target === 'string' ? target : undefined);
    if (answer !== UNANSWERED) send(response, answer);
  };

  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    handle(request, response).catch((error: unknown) => {
      // the caller hung up in the middle of its request, or sent something that is no URL
      config.logger.debug({ err: error }, 'a request was given up');
      response.destroy();
    });
  });
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.port, config.host, resolve);
  }).catch(async (error: unknown) => {
    await Promise.all([hsms.close(), proxies.close()]);
    world.close();
    throw error;
  });
  const { port } = server.address() as AddressInfo;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  const url = `http://${host}:${port}`;
  config.logger.info({ url }, 'the simulator is ready');

  return {
    url,
    async close() {
      pipeline.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      await Promise.all([hsms.close(), proxies.close()]);
      await calls.close();
      world.close();
    },
  };
}

/** The body, or undefined when it is too large. */
async function readWhole(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LARGEST_BODY) return undefined;
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

function send(response: ServerResponse, answer: Answer): void {
  if (response.destroyed) return;
  response.writeHead(answer.status, {
    ...answer.headers,
    'content-type': answer.contentType,
    'content-length': Buffer.byteLength(answer.body),
  });
  response.end(answer.body);
}
