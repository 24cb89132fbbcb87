import { z } from 'zod';

/** A member in Base64 of the standard alphabet with padding (`spec/xks.md` §1), as bytes. */
export const BASE64_MEMBER = z.base64().transform((text) => Buffer.from(text, 'base64'));

/** Bytes as a member of a request. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
