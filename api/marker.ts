import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { STORE_ID_PATTERN } from '../keystore/naming';

/** Where the next page of a list of stores begins: after this store. */
export interface PagePosition {
  createdAt: Date;
  id: string;
}

const TAG_BYTES = 16;
const ID_BYTES = 17;
const TIME_BYTES = 8;
const VERSION = 1;
const LENGTH = 1 + TIME_BYTES + ID_BYTES + TAG_BYTES;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/**
 * Makes and reads the opaque `Marker` of DescribeCustomKeyStores (D19): a position, authenticated by a key that is
 * derived from the master key, and bound to account and Region. It holds nothing secret; it only cannot be forged.
 * Layout, Base64url: version, milliseconds, the digits of the store id, first half of HMAC-SHA-256.
 */
export class Markers {
  readonly #key: Buffer;
  readonly #region: string;

  /** `masterKey`: 32 bytes. */
  constructor(masterKey: Buffer, region: string) {
    this.#key = Buffer.from(hkdfSync('sha256', masterKey, Buffer.alloc(0), 'keymoor page marker v1', 32));
    this.#region = region;
  }

  /** The marker of a position in the list of an account. */
  write(accountId: string, position: PagePosition): string {
    const body = Buffer.alloc(LENGTH - TAG_BYTES);
    body.writeUInt8(VERSION, 0);
    body.writeBigInt64BE(BigInt(position.createdAt.getTime()), 1);
    body.write(position.id.slice('cks-'.length), 1 + TIME_BYTES, 'latin1');
    return Buffer.concat([body, this.#tag(accountId, body)]).toString('base64url');
  }

  /** The position again, or undefined for a marker that is forged, foreign or malformed. */
  read(accountId: string, marker: string): PagePosition | undefined {
    if (!BASE64URL.test(marker)) return undefined;
    const bytes = Buffer.from(marker, 'base64url');
    // Base64url has several spellings of the same bytes: only the one that was sent is taken.
    if (bytes.length !== LENGTH || bytes.toString('base64url') !== marker) return undefined;
    const body = bytes.subarray(0, LENGTH - TAG_BYTES);
    if (!timingSafeEqual(bytes.subarray(LENGTH - TAG_BYTES), this.#tag(accountId, body))) return undefined;
    const id = `cks-${body.toString('latin1', 1 + TIME_BYTES)}`;
    const createdAt = new Date(Number(body.readBigInt64BE(1)));
    if (body.readUInt8(0) !== VERSION || !STORE_ID_PATTERN.test(id) || Number.isNaN(createdAt.getTime())) {
      return undefined;
    }
    return { createdAt, id };
  }

  #tag(accountId: string, body: Buffer): Buffer {
    return createHmac('sha256', this.#key)
      .update(`${this.#region}\n${accountId}\n`)
      .update(body)
      .digest()
      .subarray(0, TAG_BYTES);
  }
}
