import type { Behaviour } from '../world/xks-types';

/** Behaviours below HTTP. They are those of a host: of proxies that share one, the newest such setting holds. */
export const CONNECTION_BEHAVIOURS = [
  'refuse',
  'accept-nothing',
  'hang-before-tls',
  'expired-certificate',
  'wrong-host-certificate',
  'untrusted-certificate',
  'old-tls',
] as const satisfies readonly Behaviour[];
export type ConnectionBehaviour = (typeof CONNECTION_BEHAVIOURS)[number];

/** Whether a behaviour is one of those below HTTP. */
export function isConnectionBehaviour(behaviour: Behaviour): behaviour is ConnectionBehaviour {
  return (CONNECTION_BEHAVIOURS as readonly Behaviour[]).includes(behaviour);
}

/** `healthStatus` of the key managers where it is not `ACTIVE`. */
export const EKM_HEALTH: Partial<Record<Behaviour, 'DEGRADED' | 'UNAVAILABLE'>> = {
  degraded: 'DEGRADED',
  'all-unavailable': 'UNAVAILABLE',
};

/** An error that is answered to every request that is good otherwise. */
export interface ForcedError {
  name: string;
  /** where it is not the one that the specification pairs with the name */
  status?: number;
}

export const FORCED_ERRORS: Partial<Record<Behaviour, ForcedError>> = {
  'access-denied': { name: 'AccessDeniedException' },
  throttle: { name: 'ThrottlingException' },
  'dependency-timeout': { name: 'DependencyTimeoutException' },
  'internal-error': { name: 'InternalException' },
  unsupported: { name: 'UnsupportedOperationException' },
  'unknown-error-name': { name: 'SomethingElseException', status: 400 },
  // as a proxy in the field does: who goes by the status takes it for a wrong signature
  'wrong-status': { name: 'ValidationException', status: 401 },
};

/** Behaviours that put something else, or something odd, in place of a good answer. */
export const SPOILT_ANSWERS = [
  'malformed',
  'html',
  'redirect',
  'invalid-utf8',
  'error-in-200',
  'health-in-500',
  'huge',
  'slow-body',
  'drip',
] as const satisfies readonly Behaviour[];
export type SpoiltAnswer = (typeof SPOILT_ANSWERS)[number];

/** Whether a behaviour spoils good answers. */
export function isSpoilt(behaviour: Behaviour): behaviour is SpoiltAnswer {
  return (SPOILT_ANSWERS as readonly Behaviour[]).includes(behaviour);
}
