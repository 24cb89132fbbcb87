const MASTER_KEY_BYTES = 32;

/** The master key in the text of its file: 32 bytes in Base64; undefined where it is anything else. */
export function parseMasterKey(text: string): Buffer | undefined {
  const trimmed = text.trim();
  const key = Buffer.from(trimmed, 'base64');
  // Buffer.from skips what is not Base64: only a round trip tells
  return key.length === MASTER_KEY_BYTES && key.toString('base64') === trimmed ? key : undefined;
}
