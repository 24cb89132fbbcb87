import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { SpoiltAnswer } from './behaviours';

const HUGE_BYTES = 100 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
/** Between two bytes of `drip`: often enough that no idle time-out ever ends it. */
const DRIP_MS = 50;
/** Two bytes that no UTF-8 text has. */
const NO_UTF8 = Buffer.from([0xc3, 0x28]);
const JSON_TYPE = 'application/json';

/** The answer that would have been given. */
export interface GoodAnswer {
  /** JSON, an object */
  body: Buffer;
  /** `https://host/path` of the proxy */
  proxyUri: string;
}

/** Writes each kind of spoilt answer. What goes on for a while ends when the connection does. */
export const WRITE_SPOILT: Record<SpoiltAnswer, (response: ServerResponse, good: GoodAnswer) => void> = {
  malformed: (response) => whole(response, 200, JSON_TYPE, Buffer.from('{"answer":"fine"}')),
  html: (response) =>
    whole(response, 200, 'text/html', Buffer.from('<!DOCTYPE html>\n<title>Welcome</title>\n<p>It works.\n')),
  redirect(response, { proxyUri }) {
    response.setHeader('location', `${proxyUri}/redirected`);
    whole(response, 307, JSON_TYPE, Buffer.from('{}'));
  },
  'invalid-utf8'(response, { body }) {
    const open = Buffer.from(',"note":"');
    whole(response, 200, JSON_TYPE, Buffer.concat([body.subarray(0, -1), open, NO_UTF8, Buffer.from('"}')]));
  },
  'error-in-200': (response) =>
    whole(
      response,
      200,
      JSON_TYPE,
      Buffer.from('{"errorName":"InternalException","errorMessage":"In a 200."}'),
    ),
  'health-in-500': (response, { body }) => whole(response, 500, JSON_TYPE, body),
  huge(response, { body }) {
    begin(response, 200, JSON_TYPE, HUGE_BYTES);
    Readable.from(padded(body)).pipe(response);
  },
  'slow-body'(response, { body }) {
    begin(response, 200, JSON_TYPE, body.length);
    response.write(body.subarray(0, body.length >> 1));
  },
  drip(response, { body }) {
    begin(response, 200, JSON_TYPE, body.length);
    let at = 0;
    const timer = setInterval(() => {
      response.write(body.subarray(at, ++at));
      if (at < body.length) return;
      clearInterval(timer);
      response.end();
    }, DRIP_MS).unref();
    response.once('close', () => clearInterval(timer));
  },
};

/** The good answer with so much padding in a member of its own that it is huge, and JSON all the same. */
function* padded(body: Buffer): Iterable<Buffer> {
  const head = Buffer.from('{"padding":"');
  const tail = Buffer.concat([Buffer.from('",'), body.subarray(1)]);
  const chunk = Buffer.alloc(CHUNK_BYTES, 'x');
  yield head;
  for (let left = HUGE_BYTES - head.length - tail.length; left > 0; left -= CHUNK_BYTES) {
    yield chunk.subarray(0, Math.min(left, CHUNK_BYTES));
  }
  yield tail;
}

function whole(response: ServerResponse, status: number, contentType: string, body: Buffer): void {
  begin(response, status, contentType, body.length);
  response.end(body);
}

function begin(response: ServerResponse, status: number, contentType: string, bytes: number): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': bytes });
}
