import type { IncomingHttpHeaders } from 'node:http';
import { KmsException } from '../../keystore/kms-exceptions';

/** How far a request's clock may be off, either way, in milliseconds: AWS's five minutes. */
export const CLOCK_WINDOW_MS = 5 * 60_000;

const BASIC_ISO = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;

/**
 * When a request was signed, in the form in which it was signed (`YYYYMMDDTHHMMSSZ`): from `X-Amz-Date`, else from
 * `Date`. Throws `IncompleteSignatureException` where there is neither or it is no date.
 */
export function signingTime(headers: IncomingHttpHeaders): string {
  const amzDate = headers['x-amz-date'];
  if (typeof amzDate === 'string') {
    if (Number.isNaN(parseBasicIso(amzDate))) throw noDate();
    return amzDate;
  }
  const httpDate = headers.date === undefined ? Number.NaN : Date.parse(headers.date);
  if (Number.isNaN(httpDate)) throw noDate();
  return basicIso(httpDate);
}

/** Throws `InvalidSignatureException` where the signing time is not within five minutes of `now` (epoch ms). */
export function assertFresh(longDate: string, now: number): void {
  const signedAt = parseBasicIso(longDate);
  if (signedAt < now - CLOCK_WINDOW_MS) {
    throw new KmsException(
      'InvalidSignatureException',
      `Signature expired: ${longDate} is now earlier than ${basicIso(now - CLOCK_WINDOW_MS)} (${basicIso(now)} - 5 min.)`,
    );
  }
  if (signedAt > now + CLOCK_WINDOW_MS) {
    throw new KmsException(
      'InvalidSignatureException',
      `Signature not yet current: ${longDate} is still later than ${basicIso(now + CLOCK_WINDOW_MS)} (${basicIso(now)} + 5 min.)`,
    );
  }
}

function parseBasicIso(value: string): number {
  const parts = BASIC_ISO.exec(value);
  if (!parts) return Number.NaN;
  const [, year, month, day, hour, minute, second] = parts;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
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
