import { isIP } from 'node:net';
import { z } from 'zod';
import type { Control, Route } from './route';
import { ControlError, readBody } from './route';
import type { LoggedCall } from '../call-log';
import { createXksProxy, deleteXksProxy, proxiesOfHost } from '../world/xks-proxies';
import type { XksProxy } from '../world/xks-types';
import { BEHAVIOURS, CONNECTIVITIES } from '../world/xks-types';

const LONGEST_DELAY_MS = 3_600_000;
/** So many of a proxy's requests are shown. */
const SHOWN_REQUESTS = 1_000;
const DEFAULT_PATH = '/kms/xks/v1';

/** What KMS takes as `XksProxyUriEndpoint` and `XksProxyUriPath` (`spec/xks.md` §1). */
const HOST =
  /^(?=.{2,120}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;
const PATH = /^(?=.{10,128}$)(?:\/[a-zA-Z0-9/_-]+)?\/kms\/xks\/v\d{1,2}$/;

const rawSecretAccessKey = z.string().regex(/^[A-Za-z0-9/+=]{43,64}$/, 'has 43 to 64 of A-Z a-z 0-9 / + =');
const credential = z.strictObject({
  AccessKeyId: z.string().regex(/^[A-Z2-7]{20,30}$/, 'has 20 to 30 of A-Z 2-7'),
  RawSecretAccessKey: rawSecretAccessKey,
});

const creation = z.strictObject({
  connectivity: z.enum(CONNECTIVITIES),
  accountId: z
    .string()
    .regex(/^\d{12}$/, 'has 12 digits')
    .default('000000000000'),
  host: z
    .string()
    .regex(HOST, 'is not a fully qualified host name of at most 120 characters')
    .refine((host) => isIP(host) === 0, 'is an IP address')
    .exactOptional(),
  path: z.string().regex(PATH, 'does not end in /kms/xks/v1, or has other characters').default(DEFAULT_PATH),
});

const change = z.strictObject({
  behaviour: z.enum(BEHAVIOURS).optional(),
  delayMs: z.number().int().min(0).max(LONGEST_DELAY_MS).optional(),
  RawSecretAccessKey: rawSecretAccessKey.optional(),
  AdditionalCredential: credential.nullable().optional(),
});

/** `POST /_control/xks-proxies`: a proxy that works, with keys of every kind. */
const create: Route = {
  method: 'POST',
  path: /^\/_control\/xks-proxies$/,
  run(control, { body }) {
    const order = readBody(creation, body);
    const taken = proxiesOfHost(control.world, order.host ?? '').some((proxy) => proxy.path === order.path);
    if (taken) throw new ControlError(400, `There is a proxy on https://${order.host}${order.path} already.`);
    return summary(control, createXksProxy(control.world, { ...order, region: control.region }));
  },
};

/** `GET /_control/xks-proxies/{id}` */
const read: Route = {
  method: 'GET',
  path: /^\/_control\/xks-proxies\/([^/]+)$/,
  run: (control, { ids }) => details(control, wanted(control, ids[0])),
};

/** `PATCH /_control/xks-proxies/{id}`: in force when it is answered, and open connections are gone. */
const patch: Route = {
  method: 'PATCH',
  path: /^\/_control\/xks-proxies\/([^/]+)$/,
  async run(control, { ids, body }) {
    const { world, proxies } = control;
    const proxy = wanted(control, ids[0]);
    const order = readBody(change, body);
    const { additionalCredential, ...settled } = proxy;
    const additional =
      order.AdditionalCredential === undefined ? additionalCredential : order.AdditionalCredential;
    world.xksProxies.put({
      ...settled,
      ...(additional === undefined || additional === null ? {} : { additionalCredential: additional }),
      ...(order.behaviour === undefined
        ? {}
        : { behaviour: order.behaviour, behaviourNumber: world.nextNumber('behaviours') }),
      ...(order.delayMs === undefined ? {} : { delayMs: order.delayMs }),
      ...(order.RawSecretAccessKey === undefined
        ? {}
        : { credential: { ...proxy.credential, RawSecretAccessKey: order.RawSecretAccessKey } }),
    });
    await proxies.refresh(proxy.host);
    return details(control, wanted(control, proxy.id));
  },
};

/** `DELETE /_control/xks-proxies/{id}`: the proxy and its endpoint service are gone. */
const remove: Route = {
  method: 'DELETE',
  path: /^\/_control\/xks-proxies\/([^/]+)$/,
  async run(control, { ids }) {
    const proxy = wanted(control, ids[0]);
    deleteXksProxy(control.world, proxy);
    await control.proxies.refresh(proxy.host);
    return {};
  },
};

export const xksProxyRoutes: Route[] = [create, read, patch, remove];

function wanted(control: Control, id = ''): XksProxy {
  const proxy = control.world.xksProxies.get(id);
  if (proxy === undefined) throw new ControlError(404, `There is no proxy ${id}.`);
  return proxy;
}

function summary({ world }: Control, proxy: XksProxy): Record<string, unknown> {
  const service = world.endpointServices.get(proxy.endpointServiceId ?? '');
  return {
    id: proxy.id,
    XksProxyUriEndpoint: `https://${proxy.host}`,
    XksProxyUriPath: proxy.path,
    ...proxy.credential,
    ...(service === undefined ? {} : { XksProxyVpcEndpointServiceName: service.name }),
    keyIds: proxy.keys.map((key) => key.id),
  };
}

function details(control: Control, proxy: XksProxy): Record<string, unknown> {
  return {
    ...summary(control, proxy),
    accountId: proxy.accountId,
    connectivity: proxy.connectivity,
    host: proxy.host,
    path: proxy.path,
    AdditionalCredential: proxy.additionalCredential ?? null,
    behaviour: proxy.behaviour,
    delayMs: proxy.delayMs,
    requests: requestsOf(control, proxy),
  };
}

/** What the list of calls still has of a proxy: its own requests, and those to its host below nobody's path. */
function requestsOf({ calls }: Control, proxy: XksProxy): Record<string, unknown>[] {
  const host = proxy.host.toLowerCase();
  return calls
    .list({ service: 'xks' })
    .map((call) => ({ call, noted: call.parameters as NotedParameters }))
    .filter(({ noted }) => (noted.proxyId === undefined ? noted.host === host : noted.proxyId === proxy.id))
    .slice(-SHOWN_REQUESTS)
    .map(({ call, noted }) => request(call, noted));
}

/** What is noted with each request to a proxy, as far as it is shown. */
interface NotedParameters {
  host: string;
  proxyId?: string;
  kmsOperation?: string;
  kmsRequestId?: string;
  signedHeaders: string[];
}

function request(call: LoggedCall, noted: NotedParameters): Record<string, unknown> {
  return {
    at: call.at,
    operation: call.operation,
    kmsOperation: noted.kmsOperation ?? null,
    kmsRequestId: noted.kmsRequestId ?? null,
    signedHeaders: noted.signedHeaders,
    outcome: call.outcome,
  };
}
