import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { SignatureV4 } from '@smithy/signature-v4';
import { TEST_REGION } from './api-under-test';
import { NodeSha256 } from './raw-request';

/** A request as it goes over the wire, byte for byte: no client tidies it up. */
export interface WireRequest {
  method: string;
  /** of the request line */
  target: string;
  headers: [name: string, value: string][];
  body: Buffer;
}

/** What came back on a connection: the answers in their order, and all of the bytes. */
export interface WireAnswer {
  status: number;
  /** names in lower case */
  headers: ReadonlyMap<string, string>;
  text: string;
  /** `__type` of the body, or undefined */
  exception: string | undefined;
}

/** As whom a request is signed. */
export interface SigningOptions {
  accessKeyId: string;
  secretAccessKey: string;
  region?: string;
  service?: string;
  signedAt?: Date;
  headers?: Record<string, string>;
}

/** Signs a call of an operation, as the SDK does, headers in the order in which they were signed. */
export async function signedRequest(
  url: string,
  operation: string,
  body: string | Buffer,
  signing: SigningOptions,
  /** headers that are sent and not signed */
  unsigned: string[] = [],
): Promise<WireRequest> {
  const { host, hostname, port } = new URL(url);
  const signer = new SignatureV4({
    service: signing.service ?? 'kms',
    region: signing.region ?? TEST_REGION,
    credentials: signing,
    sha256: NodeSha256,
  });
  const { headers } = await signer.sign(
    {
      protocol: 'http:',
      hostname,
      port: Number(port),
      method: 'POST',
      path: '/',
      headers: {
        host,
        'content-type': 'application/x-amz-json-1.1',
        'content-length': String(Buffer.byteLength(body)),
        'x-amz-target': `TrentService.${operation}`,
        ...signing.headers,
      },
      body,
    },
    {
      ...(signing.signedAt && { signingDate: signing.signedAt }),
      unsignableHeaders: new Set(unsigned),
    },
  );
  return { method: 'POST', target: '/', headers: Object.entries(headers), body: Buffer.from(body) };
}

/** How a request is dated without `X-Amz-Date`. */
export interface Dating {
  /** the `Date` header */
  date: string;
  /** what is signed, where it is not the same instant */
  longDate?: string;
  /** of the scope, where it is not the same day */
  scopeDate?: string;
  /** whether the header is left out of the signature; the instant never is */
  unsigned?: boolean;
}

/**
 * Signs a call that is dated by `Date` and not by `X-Amz-Date`, which the SDK's signer does not do. Whatever instant
 * the header names is signed, however far away.
 */
export function datedRequest(
  url: string,
  operation: string,
  body: string,
  signing: SigningOptions,
  dating: Dating,
): WireRequest {
  const { date, longDate = basicIso(new Date(date)) } = dating;
  const headers = {
    host: new URL(url).host,
    'content-type': 'application/x-amz-json-1.1',
    'content-length': String(Buffer.byteLength(body)),
    'x-amz-target': `TrentService.${operation}`,
  };
  const signed = dating.unsigned ? headers : { ...headers, date };
  const authorization = authorizationByHand(signed, body, signing, longDate, dating.scopeDate);
  return {
    method: 'POST',
    target: '/',
    headers: Object.entries({ ...headers, date, authorization }),
    body: Buffer.from(body),
  };
}

/**
 * The Authorization header of a `POST /` whose headers are all signed: SigV4 written out from its specification, so
 * that no library checks itself.
 */
export function authorizationByHand(
  headers: Readonly<Record<string, string>>,
  body: string,
  signing: SigningOptions,
  longDate: string,
  scopeDate = longDate.slice(0, 8),
): string {
  const names = Object.keys(headers).sort();
  const canonical = `POST\n/\n\n${names.map((name) => `${name}:${headers[name] ?? ''}\n`).join('')}\n${names.join(';')}\n${sha256(body)}`;
  const scope = `${scopeDate}/${signing.region ?? TEST_REGION}/${signing.service ?? 'kms'}/aws4_request`;
  const key = scope
    .split('/')
    .reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${signing.secretAccessKey}`);
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${longDate}\n${scope}\n${sha256(canonical)}`).toString(
    'hex',
  );
  return `AWS4-HMAC-SHA256 Credential=${signing.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
}

/** `YYYYMMDDTHHMMSSZ`; of years that have no four digits, what the same steps make of them. */
export function basicIso(time: Date): string {
  return time.toISOString().replace(/[-:]|\.\d{3}/g, '');
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** The bytes of a request. */
export function bytesOf({ method, target, headers, body }: WireRequest): Buffer {
  const head = [
    `${method} ${target} HTTP/1.1`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    '',
    '',
  ];
  return Buffer.concat([Buffer.from(head.join('\r\n'), 'latin1'), body]);
}

/** The same request on a connection that ends with its answer. */
export function onItsOwn(request: WireRequest): WireRequest {
  return { ...request, headers: [...request.headers, ['connection', 'close']] };
}

/** Sends bytes, and gives what comes back until the other side ends the connection. */
export async function exchange(url: string, bytes: Buffer | Buffer[]): Promise<Buffer> {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  socket.on('error', () => undefined); // a reset is an end like any other
  for (const part of [bytes].flat()) socket.write(part);
  await once(socket, 'close');
  return Buffer.concat(received);
}

/** Takes answers apart; interim ones (100) are passed over. */
export function answersIn(received: Buffer): WireAnswer[] {
  const answers: WireAnswer[] = [];
  let rest = received.toString('utf8');
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) throw new Error(`no whole answer: ${rest}`);
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
      }),
    );
    const after = Buffer.from(rest.slice(end + 4));
    const length = Number(headers.get('content-length') ?? '0');
    const text = after.subarray(0, length).toString('utf8');
    rest = after.subarray(length).toString('utf8');
    if (status === 100) continue;
    answers.push({ status, headers, text, exception: /"__type":"(\w+)"/.exec(text)?.[1] });
  }
  return answers;
}

/** Sends one request on a connection of its own. */
export async function send(url: string, request: WireRequest): Promise<WireAnswer> {
  const [answer] = answersIn(await exchange(url, bytesOf(onItsOwn(request))));
  if (answer === undefined) throw new Error('the connection was ended without an answer');
  return answer;
}
