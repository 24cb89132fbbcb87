/** A payload in proto3 JSON: metadata and data are Base64. */
interface RecordedPayload {
  metadata: Record<string, string>;
  data?: string;
}

/** The values of a `payloads` list (arguments, results, details of a failure). */
export function decodePayloads(list: unknown): unknown[] {
  const { payloads = [] } = (list ?? {}) as { payloads?: RecordedPayload[] };
  return payloads.map(decodePayload);
}

/** The values of a map of payloads (memo). */
export function decodeFields(map: unknown): Record<string, unknown> {
  const { fields = {} } = (map ?? {}) as { fields?: Record<string, RecordedPayload> };
  return Object.fromEntries(Object.entries(fields).map(([name, payload]) => [name, decodePayload(payload)]));
}

/** One value; a payload without data is `undefined`. @throws for an encoding that is not plain JSON */
export function decodePayload(payload: RecordedPayload): unknown {
  const encoding = fromBase64(payload.metadata['encoding'] ?? '');
  if (encoding === 'binary/null') return undefined;
  if (encoding !== 'json/plain') throw new Error(`a payload is encoded as ${encoding}`);
  return JSON.parse(fromBase64(payload.data ?? '')) as unknown;
}

/** Puts another value into a payload. */
export function encodePayload(value: unknown): RecordedPayload {
  return {
    metadata: { encoding: toBase64('json/plain') },
    data: toBase64(JSON.stringify(value)),
  };
}

/** What somebody who looks at a history can read: Base64 and JSON are looked into, however deep. */
export interface Readable {
  /** of members, of Temporal's as of ours */
  names: string[];
  texts: string[];
}

/** Reads all of it, whatever it is. */
export function readAll(value: unknown): Readable {
  if (typeof value === 'string') {
    const { names, texts } = readAll(textInBase64(value) ?? jsonIn(value));
    return { names, texts: [value, ...texts] };
  }
  if (typeof value !== 'object' || value === null) return { names: [], texts: [] };
  const members = Object.values(value).map(readAll);
  return {
    names: [...(Array.isArray(value) ? [] : Object.keys(value)), ...members.flatMap(({ names }) => names)],
    texts: members.flatMap(({ texts }) => texts),
  };
}

/** The text that Base64 hides; undefined for what is no Base64, and for Base64 of bytes such as those of a key. */
export function textInBase64(text: string): string | undefined {
  if (text.length < 4 || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  const decoded = Buffer.from(text, 'base64').toString('utf8');
  return decoded.includes('\uFFFD') ? undefined : decoded;
}

/** The value that JSON tells; undefined for what is no JSON. */
export function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString('utf8');
}

function toBase64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
