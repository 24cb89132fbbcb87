const STANDARD = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The bytes of a text in Base64 of the standard alphabet with padding (RFC 4648 §4), or undefined where it is none. */
export function decodeBase64(value: unknown): Buffer | undefined {
  return typeof value === 'string' && STANDARD.test(value) ? Buffer.from(value, 'base64') : undefined;
}
