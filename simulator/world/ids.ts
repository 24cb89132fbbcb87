import { randomBytes } from 'node:crypto';

/** An EC2 id: prefix and 17 hex digits, the first a 0, as AWS's are today. */
export function ec2Id(prefix: 'vpc' | 'subnet' | 'sg' | 'sgr' | 'eni' | 'vpce' | 'vpce-svc'): string {
  return `${prefix}-0${randomBytes(8).toString('hex')}`;
}

const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** A Route 53 id: `Z` for a hosted zone or `C` for a change, and 20 of A-Z and 0-9. */
export function route53Id(prefix: 'Z' | 'C'): string {
  return prefix + [...randomBytes(20)].map((byte) => UPPER[byte % UPPER.length]).join('');
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** A CloudHSM id: prefix and 11 of a-z and 2-7. */
export function cloudHsmId(prefix: 'cluster' | 'hsm'): string {
  return `${prefix}-${[...randomBytes(11)].map((byte) => BASE32[byte % 32]).join('')}`;
}

/** A locally administered MAC address. */
export function macAddress(): string {
  return `02:${randomBytes(5).toString('hex').match(/../g)?.join(':') ?? ''}`;
}
