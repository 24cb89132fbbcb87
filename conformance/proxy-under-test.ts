import type { ProxyCredential } from '../clients/xks/proxy-target';
import type { KeyChoice } from './request-recipe';
import { LIMITS } from './specification';
import type { WireTarget } from './wire';

/** A proxy, and how it is to be checked. */
export interface ProxyUnderTest {
  target: WireTarget;
  /** `[/prefix]/kms/xks/v1` */
  path: string;
  credential: ProxyCredential;
  /** in the scope of signatures */
  region: string;
  /** ids of external keys; a check whose key is missing fails */
  keys: Readonly<Partial<Record<Exclude<KeyChoice, 'unknown'>, string>>>;
  /** milliseconds that a request may take: 250 for KMS */
  limitMs: number;
  /** parallel connections of the load check; without it, there is none */
  load?: number;
}

/** How long an answer is awaited, milliseconds: longer than it may take, so that what is slow is told from what is wrong. */
export function patienceMs({ limitMs }: Pick<ProxyUnderTest, 'limitMs'>): number {
  return Math.max(8 * limitMs, 8 * LIMITS.requestMs);
}

/** `Host`, as it is sent and signed: with the port, unless it is that of HTTPS (Appendix A, Task 1). */
export function hostHeader({ host, port }: Pick<WireTarget, 'host' | 'port'>): string {
  return port === 443 ? host : `${host}:${port}`;
}
