import { createHash } from 'node:crypto';
import type { XksErrorName } from '../../../keystore/xks-proxy-outcome';
import { XKS_ERROR_NAMES } from '../../../keystore/xks-proxy-outcome';
import type { Operation } from '../../../conformance/specification';
import type { Call, Mutation, Reply } from './mutating-proxy';

/** Members of a JSON body. */
export type Members = Record<string, unknown>;

/** A proxy without a bug. */
export const faithful: Mutation = (call, upstream) => upstream.forward(call);

/** The operation of a call, by the last part of its path. */
export function operationOf({ path }: Call): Operation {
  return path.slice(path.lastIndexOf('/') + 1) as Operation;
}

/** The members of a JSON text; none where it is no JSON object. */
export function membersOf({ body }: { body: string }): Members {
  try {
    const value = JSON.parse(body) as unknown;
    return typeof value === 'object' && value !== null ? (value as Members) : {};
  } catch {
    return {};
  }
}

/** `requestMetadata` of a call. */
export function metadataOf(call: Call): Members {
  return (membersOf(call)['requestMetadata'] ?? {}) as Members;
}

/** Bytes of a member in Base64; empty where there is none. */
export function bytesOf(members: Members, name: string): Buffer {
  const value = members[name];
  return typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.alloc(0);
}

/** An answer of the proxy's own. */
export function reply(status: number, members: Members): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(members) };
}

/** The error of that name, as the specification pairs it with a status. */
export function refusal(errorName: XksErrorName): Reply {
  return reply(XKS_ERROR_NAMES[errorName], { errorName });
}

/** Whether an answer is a good one. */
export function isGood(answer: Reply): boolean {
  return answer.status === 200 && membersOf(answer)['errorName'] === undefined;
}

/** A bug in good answers of an operation: other members. */
export function answering(operation: Operation, change: (members: Members, call: Call) => Members): Mutation {
  return async (call, upstream) => {
    const answer = await upstream.forward(call);
    if (operationOf(call) !== operation || !isGood(answer)) return answer;
    return { ...answer, body: JSON.stringify(change(membersOf(answer), call)) };
  };
}

/** Refuses what should be served: in place of a good answer. */
export function refusing(
  wrongly: (call: Call) => boolean,
  errorName: XksErrorName = 'ValidationException',
): Mutation {
  return async (call, upstream) => {
    const answer = await upstream.forward(call);
    return isGood(answer) && wrongly(call) ? refusal(errorName) : answer;
  };
}

/** Serves what should be refused, by mending the call before the proxy sees it. */
export function mending(mend: (members: Members, call: Call) => Members | undefined): Mutation {
  return (call, upstream) => {
    if (call.method !== 'POST') return upstream.forward(call);
    const mended = mend(membersOf(call), call);
    return upstream.forward(
      mended === undefined ? call : upstream.amend(call, { body: JSON.stringify(mended) }),
    );
  };
}

/** Accepts signatures that it should not: signs the call anew before the proxy sees it. */
export function accepting(wrongly: (call: Call) => boolean): Mutation {
  return (call, upstream) => upstream.forward(wrongly(call) ? upstream.resign(call) : call);
}

/** Changes errors of the proxy. */
export function erring(change: (answer: Reply, errorName: XksErrorName) => Reply): Mutation {
  return async (call, upstream) => {
    const answer = await upstream.forward(call);
    const { errorName } = membersOf(answer);
    return typeof errorName === 'string' ? change(answer, errorName as XksErrorName) : answer;
  };
}

/** Members of an encryption that go to Decrypt. */
const PARTS = ['ciphertext', 'initializationVector', 'authenticationTag', 'ciphertextMetadata'] as const;

/**
 * Shows encryptions in another form than the proxy made them, and puts the form back before they are decrypted, so
 * that nothing but the form is wrong. The data integrity value is right for what is shown.
 */
export function disguising(disguise: (real: Members, call: Call) => Members): Mutation {
  const known: { shown: Members; real: Members }[] = [];
  return async (call, upstream) => {
    if (operationOf(call) === 'decrypt') {
      const given = membersOf(call);
      const match = known.find(({ shown }) =>
        // one of the two may have been tampered with
        ['ciphertext', 'authenticationTag'].some((part) => shown[part] === given[part]),
      );
      if (match === undefined) return upstream.forward(call);
      const restored = Object.fromEntries(
        PARTS.map((part) => [part, given[part] === match.shown[part] ? match.real[part] : given[part]]),
      );
      return upstream.forward(upstream.amend(call, { body: JSON.stringify({ ...given, ...restored }) }));
    }
    const answer = await upstream.forward(call);
    if (operationOf(call) !== 'encrypt' || !isGood(answer)) return answer;
    const real = membersOf(answer);
    const shown = { ...real, ...disguise(real, call) };
    if (real['ciphertextDataIntegrityValue'] !== undefined) {
      shown['ciphertextDataIntegrityValue'] = integrityValue(
        shown,
        bytesOf(membersOf(call), 'additionalAuthenticatedData'),
      );
    }
    known.push({ shown, real });
    return { ...answer, body: JSON.stringify(shown) };
  };
}

/** Base64 of the SHA-256 over the parts, `additionalData` first. */
export function integrityValue(members: Members, additionalData: Buffer): string {
  const hash = createHash('sha256').update(additionalData);
  for (const part of ['ciphertextMetadata', 'initializationVector', 'ciphertext', 'authenticationTag']) {
    hash.update(bytesOf(members, part));
  }
  return hash.digest('base64');
}

/** How a part that Decrypt was given differs from what Encrypt had given for it. */
export type Difference = 'missing' | 'added' | 'other-length' | 'changed';

/**
 * Serves encryptions that were tampered with in exactly one part, in one way: answers with some plaintext where the
 * proxy had refused.
 */
export function overlooking(part: string, ...differences: Difference[]): Mutation {
  const originals: Members[] = [];
  return async (call, upstream) => {
    const answer = await upstream.forward(call);
    const given = membersOf(call);
    if (operationOf(call) === 'encrypt' && isGood(answer)) {
      originals.push({
        ...membersOf(answer),
        additionalAuthenticatedData: given['additionalAuthenticatedData'],
      });
    }
    if (operationOf(call) !== 'decrypt' || isGood(answer)) return answer;
    const difference = soleDifference(originals, given, part);
    if (difference === undefined || !differences.includes(difference)) return answer;
    return reply(200, { plaintext: Buffer.alloc(32).toString('base64') });
  };
}

function soleDifference(originals: readonly Members[], given: Members, part: string): Difference | undefined {
  const all = [...PARTS, 'additionalAuthenticatedData'];
  const original = originals.find((candidate) =>
    all.every((name) => (candidate[name] === given[name]) === (name !== part)),
  );
  if (original === undefined || !('encryptionAlgorithm' in given)) return undefined;
  if (given[part] === undefined) return 'missing';
  if (original[part] === undefined) return 'added';
  return bytesOf(given, part).length === bytesOf(original, part).length ? 'changed' : 'other-length';
}
