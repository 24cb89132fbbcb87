import type { IncomingHttpHeaders } from 'node:http';
import { KmsException } from '../../keystore/kms-exceptions';

/** How far a request's clock may be off, either way, in milliseconds: AWS's five minutes. */
export const CLOCK_WINDOW_MS = 5 * 60_000;

const BASIC_ISO = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;
/** As HTTP and signers write it; the time zone as some of them do (`-0000`). `Date.parse` alone takes almost anything. */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} (?:GMT|[+-]\d{4})$/;

/**
 * When a request was signed, in the form in which it was signed (`YYYYMMDDTHHMMSSZ`): from `X-Amz-Date`, else from
 * `Date`. Throws `IncompleteSignatureException` where there is neither or it is no date.
 */
export function signingTime(headers: IncomingHttpHeaders): string {
  const amzDate = headers['x-amz-date'];
  const longDate = typeof amzDate === 'string' ? amzDate : fromHttpDate(headers.date ?? '');
  if (Number.isNaN(parseBasicIso(longDate))) throw noDate();
  return longDate;
}

/** Throws `InvalidSignatureException` where the signing time is not within five minutes of `now` (epoch ms). */
export function assertFresh(longDate: string, now: number): void {
  const signedAt = parseBasicIso(longDate);
  // Asked in this way, so that what is no time is not fresh either.
  if (Math.abs(signedAt - now) <= CLOCK_WINDOW_MS) return;
  throw new KmsException(
    'InvalidSignatureException',
    signedAt > now
      ? `Signature not yet current: ${longDate} is still later than ${basicIso(now + CLOCK_WINDOW_MS)} (${basicIso(now)} + 5 min.)`
      : `Signature expired: ${longDate} is now earlier than ${basicIso(now - CLOCK_WINDOW_MS)} (${basicIso(now)} - 5 min.)`,
  );
}

/** Empty where it is no date. */
function fromHttpDate(value: string): string {
  const time = HTTP_DATE.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? '' : basicIso(time);
}

/** Epoch milliseconds; NaN where it is not a moment of the calendar in just this form. */
function parseBasicIso(value: string): number {
  if (!BASIC_ISO.test(value)) return Number.NaN;
  const time = Date.parse(value.replace(BASIC_ISO, '$1-$2-$3T$4:$5:$6Z'));
  // Date.parse makes 3 March of 31 February.
  return !Number.isNaN(time) && basicIso(time) === value ? time : Number.NaN;
}

function basicIso(time: number): string {
  return new Date(time).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

function noDate(): KmsException {
  return new KmsException(
    'IncompleteSignatureException',
    "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
  );
}
