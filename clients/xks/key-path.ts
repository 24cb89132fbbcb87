/**
 * The path of a key's operation, below the store's URI path (`spec/xks.md` §1, URIs).
 *
 * @param keyId the external key's id
 * @throws RangeError for what KMS takes for no key id, and for `.` and `..`, which would name another path
 */
export function keyPath(keyId: string, operation: 'metadata' | 'encrypt' | 'decrypt'): string {
  if (!/^[A-Za-z0-9._-]{1,128}$/.test(keyId) || /^\.\.?$/.test(keyId))
    throw new RangeError(
      'an external key id has 1 to 128 characters of A-Z, a-z, 0-9, dot, underscore, hyphen',
    );
  return `/keys/${keyId}/${operation}`;
}
