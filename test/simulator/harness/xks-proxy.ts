import { createHash, createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { TestSimulator } from './simulator';

/** What `POST /_control/xks-proxies` answers. */
export interface ControlProxy {
  id: string;
  XksProxyUriEndpoint: string;
  XksProxyUriPath: string;
  AccessKeyId: string;
  RawSecretAccessKey: string;
  XksProxyVpcEndpointServiceName?: string;
  keyIds: string[];
}

/** What `GET /_control/xks-proxies/{id}` answers. */
export interface ControlProxyDetails extends ControlProxy {
  behaviour: string;
  delayMs: number;
  requests: {
    at: string;
    operation: string;
    kmsOperation: string | null;
    kmsRequestId: string | null;
    signedHeaders: string[];
    outcome: string;
  }[];
}

export interface XksReply {
  status: number;
  headers: IncomingHttpHeaders;
  /** the JSON of the body */
  body: Record<string, unknown>;
}

/** How a request differs from what KMS sends. */
export interface Oddity {
  method?: string;
  AccessKeyId?: string;
  RawSecretAccessKey?: string;
  region?: string;
  service?: string;
  contentType?: string | null;
  /** the whole path, in place of one below the proxy's */
  path?: string;
  /** the signer's clock, ms since 1970 */
  clock?: number;
  /** `YYYYMMDD` of the scope, where it is not that of the clock */
  day?: string;
  /** sent and signed besides */
  signed?: Record<string, string>;
  /** header names in place of all that there are */
  signedHeaders?: string[];
  /** made to the headers after signing */
  spoil?(headers: Record<string, string>): void;
  /** false: no Authorization header */
  sign?: boolean;
}

/** `requestMetadata` of every operation. */
export function metadata(kmsOperation = 'Encrypt'): Record<string, string> {
  return {
    kmsRequestId: randomUUID(),
    kmsOperation,
    awsPrincipalArn: 'arn:aws:iam::123456789012:user/Alice',
    kmsKeyArn: 'arn:aws:kms:us-east-2:123456789012:/key/1234abcd-12ab-34cd-56ef-1234567890ab',
    kmsViaService: 'ebs',
  };
}

/** The KMS side of the protocol for one proxy, written anew from the specification. */
export class XksClient {
  private constructor(
    readonly proxy: ControlProxy,
    readonly host: string,
    readonly port: number,
    readonly ca: string,
  ) {}

  /** Looks up where the proxy is and whom it is certified by. */
  static async of(simulator: TestSimulator, proxy: ControlProxy): Promise<XksClient> {
    const host = new URL(proxy.XksProxyUriEndpoint).hostname;
    const { status, body } = await simulator.call('GET', `/_network/names?host=${host}`);
    if (status !== 200) throw new Error(`${host} does not resolve`);
    const ca = await (await fetch(`${simulator.url}/_network/ca`)).text();
    return new XksClient(proxy, host, (body as { port: number }).port, ca);
  }

  /** A health check as KMS sends it. */
  health(oddity: Oddity = {}): Promise<XksReply> {
    const { kmsRequestId, kmsOperation } = metadata('ConnectCustomKeyStore');
    return this.send('/health', { requestMetadata: { kmsRequestId, kmsOperation } }, oddity);
  }

  /** GetKeyMetadata, Encrypt or Decrypt; members of `body` come on top of what every such request has. */
  key(
    keyId: string,
    operation: 'metadata' | 'encrypt' | 'decrypt',
    body: Record<string, unknown> = {},
    oddity: Oddity = {},
  ): Promise<XksReply> {
    const cryptographic = operation === 'metadata' ? {} : { encryptionAlgorithm: 'AES_GCM' };
    return this.send(
      `/keys/${keyId}/${operation}`,
      { requestMetadata: metadata(), ...cryptographic, ...body },
      oddity,
    );
  }

  /** One signed request on a connection of its own; a `body` that is no object is sent as it is. */
  async send(target: string, body: unknown, oddity: Oddity = {}): Promise<XksReply> {
    const message = await this.open(target, body, oddity);
    const chunks: Buffer[] = [];
    for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    return {
      status: message.statusCode ?? 0,
      headers: message.headers,
      body: JSON.parse(text) as Record<string, unknown>,
    };
  }

  /** The same as far as the head of the answer. */
  async open(target: string, body: unknown, oddity: Oddity = {}): Promise<IncomingMessage> {
    const payload =
      typeof body === 'string' || Buffer.isBuffer(body)
        ? Buffer.from(body)
        : Buffer.from(JSON.stringify(body));
    const path = oddity.path ?? `${this.proxy.XksProxyUriPath}${target}`;
    const method = oddity.method ?? 'POST';
    const headers = signedHeaders(
      {
        method,
        path,
        payload,
        host: this.host,
        AccessKeyId: this.proxy.AccessKeyId,
        RawSecretAccessKey: this.proxy.RawSecretAccessKey,
        ...definedOnly(oddity),
      },
      oddity,
    );
    const request = httpsRequest({
      host: '127.0.0.1',
      port: this.port,
      servername: this.host,
      ca: this.ca,
      agent: false,
      method,
      path,
      headers: { ...headers, 'content-length': payload.length },
    });
    request.end(payload);
    const [message] = (await once(request, 'response')) as [IncomingMessage];
    return message;
  }
}

/** What a signature is made of. */
export interface Signing {
  method: string;
  path: string;
  payload: Buffer;
  host: string;
  AccessKeyId: string;
  RawSecretAccessKey: string;
  region?: string;
  service?: string;
  clock?: number;
}

/** All headers of a signed request. */
export function signedHeaders(signing: Signing, oddity: Oddity = {}): Record<string, string> {
  const date = new Date(signing.clock ?? Date.now()).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const toSign: Record<string, string> = {
    host: signing.host,
    'x-amz-date': date,
    ...oddity.signed,
  };
  const names = (oddity.signedHeaders ?? Object.keys(toSign)).sort();
  const canonicalRequest = [
    signing.method,
    signing.path,
    '',
    ...names.map((name) => `${name}:${toSign[name] ?? ''}`),
    '',
    names.join(';'),
    createHash('sha256').update(signing.payload).digest('hex'),
  ].join('\n');
  const scope = [
    oddity.day ?? date.slice(0, 8),
    signing.region ?? 'us-east-1',
    signing.service ?? 'kms-xks-proxy',
    'aws4_request',
  ];
  const digest = createHash('sha256').update(canonicalRequest).digest('hex');
  const stringToSign = ['AWS4-HMAC-SHA256', date, scope.join('/'), digest].join('\n');
  let key: Buffer = Buffer.from(`AWS4${signing.RawSecretAccessKey}`);
  for (const part of [...scope, stringToSign]) key = createHmac('sha256', key).update(part).digest();
  const contentType = oddity.contentType === undefined ? 'application/json' : oddity.contentType;
  const headers: Record<string, string> = {
    ...toSign,
    ...(contentType === null ? {} : { 'content-type': contentType }),
    ...(oddity.sign === false
      ? {}
      : {
          authorization:
            `AWS4-HMAC-SHA256 Credential=${signing.AccessKeyId}/${scope.join('/')}, ` +
            `SignedHeaders=${names.join(';')}, Signature=${key.toString('hex')}`,
        }),
  };
  oddity.spoil?.(headers);
  return headers;
}

function definedOnly(oddity: Oddity): Partial<Signing> {
  const { AccessKeyId, RawSecretAccessKey, region, service, clock } = oddity;
  return Object.fromEntries(
    Object.entries({ AccessKeyId, RawSecretAccessKey, region, service, clock }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

/** A proxy of a test's own. */
export function createProxy(
  simulator: TestSimulator,
  body: Record<string, unknown> = {},
): Promise<ControlProxy> {
  return simulator.control<ControlProxy>('POST', '/xks-proxies', {
    connectivity: 'PUBLIC_ENDPOINT',
    ...body,
  });
}

/** What the simulator shows of a proxy. */
export function proxyDetails(simulator: TestSimulator, id: string): Promise<ControlProxyDetails> {
  return simulator.control<ControlProxyDetails>('GET', `/xks-proxies/${id}`);
}
