import { createHash, createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:http';
import { SignatureV4 } from '@smithy/signature-v4';
import { TEST_REGION } from './api-under-test';

/** A request as a test wants it; anything may be wrong with it. */
export interface RawRequest {
  operation?: string;
  body?: string | Buffer;
  method?: string;
  path?: string;
  /** added last: replaces, or with undefined removes, a header after signing */
  headers?: Record<string, string | undefined>;
  accessKeyId?: string;
  secretAccessKey?: string;
  region?: string;
  service?: string;
  signedAt?: Date;
  unsigned?: boolean;
}

/** The answer, body parsed where it is JSON. */
export interface RawAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** the body as JSON; throws where it is none */
  json(): Record<string, unknown>;
}

/** SHA-256 for the signer, keyed or not. */
export class NodeSha256 {
  readonly #hash;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytes(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytes(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}

function bytes(data: string | ArrayBuffer | ArrayBufferView): string | Uint8Array {
  if (typeof data === 'string') return data;
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

/** Signs as told and sends. */
export async function sendRaw(url: string, raw: RawRequest): Promise<RawAnswer> {
  const { host, hostname, port } = new URL(url);
  const body = raw.body ?? '{}';
  const method = raw.method ?? 'POST';
  const path = raw.path ?? '/';
  const headers: Record<string, string> = {
    host,
    'content-type': 'application/x-amz-json-1.1',
    ...(raw.operation !== undefined && { 'x-amz-target': `TrentService.${raw.operation}` }),
  };
  const signed = raw.unsigned
    ? headers
    : (
        await new SignatureV4({
          service: raw.service ?? 'kms',
          region: raw.region ?? TEST_REGION,
          credentials: {
            accessKeyId: raw.accessKeyId ?? 'test',
            secretAccessKey: raw.secretAccessKey ?? 'test',
          },
          sha256: NodeSha256,
          applyChecksum: false,
        }).sign(
          { protocol: 'http:', hostname, port: Number(port), method, path, headers, body },
          raw.signedAt ? { signingDate: raw.signedAt } : {},
        )
      ).headers;
  const final = Object.fromEntries(
    Object.entries({ ...signed, ...raw.headers }).filter(
      (header): header is [string, string] => header[1] !== undefined,
    ),
  );
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        hostname,
        port,
        method,
        path,
        headers: { 'content-length': Buffer.byteLength(body), ...final },
        agent: false,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            text,
            json: () => JSON.parse(text) as Record<string, unknown>,
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
