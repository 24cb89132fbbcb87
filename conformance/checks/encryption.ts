import { dataIntegrityValue } from '../../clients/xks/data-integrity';
import type { XksErrorName } from '../../keystore/xks-proxy-outcome';
import { decodeBase64 } from '../base64';
import type { CipherPart, Tampering } from '../case';
import { CheckFailed } from '../check-failed';
import type { Conversation, GoodExchange } from '../conversation';
import { encryptionFrom } from '../encryption';
import type { Encryption } from '../encryption';
import type { RequestMetadata } from '../request-recipe';
import { expectRefusal } from './answer';

/** Encrypts, recomputes the data integrity value where it was asked for, and decrypts what came back. */
export async function checkRoundTrip(
  conversation: Conversation,
  check: {
    plaintextBytes: number;
    additionalDataBytes?: number;
    encryptMetadata?: RequestMetadata;
    decryptMetadata?: RequestMetadata;
    integrity?: boolean;
  },
): Promise<void> {
  const done = await conversation.sendWell({
    operation: 'encrypt',
    plaintextBytes: check.plaintextBytes,
    additionalDataBytes: check.additionalDataBytes,
    ...(check.encryptMetadata === undefined ? {} : { metadata: check.encryptMetadata }),
    integrity: check.integrity === true,
  });
  const plaintext = done.plaintext ?? Buffer.alloc(0);
  const encryption = encryptionFrom(done.body, plaintext, done.additionalData);
  checkIntegrity(done, encryption, check.integrity === true);
  const { body } = await conversation.sendWell(
    {
      operation: 'decrypt',
      ...(check.decryptMetadata === undefined ? {} : { metadata: check.decryptMetadata }),
    },
    { encryption },
  );
  const decrypted = decodeBase64(body['plaintext']);
  if (decrypted === undefined) throw new CheckFailed('Decrypt answered without plaintext in Base64');
  if (!decrypted.equals(plaintext)) {
    throw new CheckFailed(
      `Decrypt gave ${decrypted.length} bytes that are not the ${plaintext.length} bytes that were encrypted`,
    );
  }
}

function checkIntegrity({ body }: GoodExchange, encryption: Encryption, asked: boolean): void {
  const value = body['ciphertextDataIntegrityValue'];
  if (!asked) {
    // an answer with one that was not asked for is not forbidden
    return;
  }
  if (value === undefined) {
    throw new CheckFailed('ciphertextDataIntegrityValue was asked for with SHA_256 and is missing');
  }
  const part = (name: CipherPart): Buffer => decodeBase64(encryption.members[name]) ?? Buffer.alloc(0);
  const expected = dataIntegrityValue({
    additionalAuthenticatedData: encryption.additionalData,
    ciphertextMetadata: part('ciphertextMetadata'),
    initializationVector: part('initializationVector'),
    ciphertext: part('ciphertext'),
    authenticationTag: part('authenticationTag'),
  });
  if (value !== expected) {
    throw new CheckFailed(
      'ciphertextDataIntegrityValue is not the SHA-256 of additional data, metadata, IV, ciphertext and tag',
    );
  }
}

/** Decrypts an encryption one part of which was changed: nothing may come back but a refusal. */
export async function checkTampered(
  conversation: Conversation,
  check: {
    part: CipherPart;
    how: Tampering;
    additionalDataBytes?: number;
    refusal: readonly XksErrorName[];
  },
): Promise<void> {
  const encryption = await conversation.encryption(
    'main',
    check.how === 'insert' ? 0 : check.additionalDataBytes,
  );
  const member = encryption.members[check.part];
  if (check.part === 'ciphertextMetadata' && check.how !== 'insert' && member === undefined) {
    return; // the proxy sends none, and so has nothing that could be tampered with
  }
  if (check.how === 'insert' && member !== undefined) return; // covered by the other ways of tampering
  const members = { ...encryption.members, [check.part]: tamper(decodeBase64(member), check.how) };
  const done = await conversation.send({ operation: 'decrypt' }, { encryption: { ...encryption, members } });
  expectRefusal(conversation, done, check.refusal);
}

function tamper(bytes: Buffer = Buffer.alloc(0), how: Tampering): string | undefined {
  if (how === 'omit') return undefined;
  if (how === 'add-byte') return Buffer.concat([bytes, Buffer.of(0)]).toString('base64');
  if (how === 'insert') return Buffer.from('tampered').toString('base64');
  if (how === 'flip' || how === 'flip-last') {
    const flipped = Buffer.from(bytes);
    const at = how === 'flip' ? 0 : flipped.length - 1;
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    return flipped.toString('base64');
  }
  return bytes.subarray(0, how.keepBytes).toString('base64');
}

/**
 * The proxy's metadata given back as additional data in place of metadata: only a proxy that feeds the lengths of
 * both to AES-GCM tells the two apart.
 */
export async function checkMetadataAsAdditionalData(conversation: Conversation): Promise<void> {
  const encryption = await conversation.encryption('main', 0);
  const metadata = encryption.members['ciphertextMetadata'];
  if (metadata === undefined) return; // nothing to confuse
  const done = await conversation.send(
    { operation: 'decrypt' },
    {
      encryption: {
        ...encryption,
        members: {
          ...encryption.members,
          ciphertextMetadata: undefined,
          additionalAuthenticatedData: metadata,
        },
      },
    },
  );
  expectRefusal(conversation, done, ['InvalidCiphertextException']);
}

/** Encryptions of one plaintext: an initialization vector that comes twice gives away key stream and key. */
export async function checkEncryptionsDiffer(
  conversation: Conversation,
  { count }: { count: number },
): Promise<void> {
  const plaintext = Buffer.alloc(32, 'keymoor').toString('base64');
  const seen = new Set<unknown>();
  for (let made = 0; made < count; made++) {
    const { body } = await conversation.sendWell({ operation: 'encrypt', members: { plaintext } });
    const vector = body['initializationVector'];
    if (seen.has(vector)) {
      throw new CheckFailed(`the same initializationVector came twice in ${made + 1} encryptions`);
    }
    seen.add(vector);
  }
}
