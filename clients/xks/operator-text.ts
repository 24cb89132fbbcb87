import type { ProxyCredential } from './proxy-target';

/** As much of a stranger's text as a message holds. */
const MAX_LENGTH = 200;
/** A piece of a credential of this length gives too much away. */
const TELLING_LENGTH = 8;
/** What looks like an access key id, a secret, a signature or anything else that is long and random. */
const CREDENTIAL_LIKE = /[A-Z2-7]{20,}|[A-Za-z0-9/+=_-]{40,}/g;
const MASK = '***';

/**
 * Text that came from outside (a proxy's, a certificate's), fit for a message to the operator: printable ASCII, one
 * line, at most 200 characters, and nothing of the credential or what looks like one.
 *
 * @param credential as it was used with the one who sent the text; left out where he has not seen it yet, as in a
 * certificate, whose long names must stay readable
 */
export function cleanText(text: string, credential?: ProxyCredential): string {
  // A stranger may send megabytes; what stands beyond is cut off below anyway.
  const printable = text.slice(0, 20 * MAX_LENGTH).replace(/[^\x20-\x7e]+/g, '?');
  const masked =
    credential === undefined ? printable : maskPieces(printable, credential).replace(CREDENTIAL_LIKE, MASK);
  return masked.length > MAX_LENGTH ? `${masked.slice(0, MAX_LENGTH)}...` : masked;
}

/** Replaces every stretch of the text that is a piece of the credential. */
function maskPieces(text: string, credential: ProxyCredential): string {
  const pieces = new Set(
    [credential.accessKeyId, credential.rawSecretAccessKey].flatMap((secret) => piecesOf(secret)),
  );
  let masked = '';
  let shownUpTo = 0;
  let hiddenUpTo = 0;
  for (let at = 0; at + TELLING_LENGTH <= text.length; at++) {
    if (!pieces.has(text.slice(at, at + TELLING_LENGTH))) continue;
    if (at >= hiddenUpTo) masked += text.slice(shownUpTo, at) + MASK;
    hiddenUpTo = at + TELLING_LENGTH;
    shownUpTo = hiddenUpTo;
  }
  return masked + text.slice(shownUpTo);
}

function piecesOf(secret: string): string[] {
  return Array.from({ length: Math.max(0, secret.length - TELLING_LENGTH + 1) }, (_, at) =>
    secret.slice(at, at + TELLING_LENGTH),
  );
}
