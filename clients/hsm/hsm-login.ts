import type { CallOptions } from '../call-options';

/**
 * How a connect talks to the HSMs of a cluster, whatever library is behind it (`KEYMOOR_HSM`).
 *
 * Glossary. *HSM*: one member of the cluster, with a table of users of its own. *Owner*: the key store on whose
 * behalf a session exists (D31). *Session*: kmsuser being logged in; it belongs to the owner, is known to the whole
 * cluster and outlives the connection.
 */
export interface HsmLogin {
  /**
   * Opens a connection to one HSM through the connector's network interface, and proves that it is the right one:
   * TLS, certificate against the store's trust anchor, cluster id in the certificate.
   *
   * @param options `timeoutMs` (default 5000) bounds the whole connect, and after it each request on the
   * connection; `signal` closes the connection whenever it is aborted, also later.
   * @throws HsmFailure `unreachable`, `untrusted-certificate` or `hsm-error`; the signal's reason if it was cancelled
   */
  connect(target: HsmTarget, options?: CallOptions): Promise<HsmConnection>;
}

/** Which HSM, and on whose behalf. */
export interface HsmTarget {
  /** `cluster-…`: the certificate must name it */
  clusterId: string;
  /** `hsm-…` */
  hsmId: string;
  /** the HSM's address in the cluster's VPC (`EniIp`) */
  eniIp: string;
  /** the connector's security group: the way leads through a network interface of it */
  securityGroupId: string;
  /** the key store's id */
  owner: string;
  /** PEM; the only certificate authority that is trusted */
  trustAnchorCertificate: string;
}

/** A user as one HSM knows it. */
export interface HsmUser {
  username: string;
  /** `CU` crypto user, `CO` crypto officer, … */
  type: string;
}

/**
 * An open connection to one HSM. Requests run one after another. Every method throws HsmFailure; `no-answer` means
 * that the request was sent and nobody knows whether it was done, `unreachable` that it never left. A cancelled
 * signal's reason is thrown instead: the outcome of the request is then as unknown as after a crash.
 */
export interface HsmConnection {
  listUsers(): Promise<HsmUser[]>;
  /**
   * Logs in and ends the owner's earlier session.
   * @returns the session's id
   * @throws HsmFailure `wrong-password` (counts towards the lock), `locked-out`, `user-not-found`, `logged-in-elsewhere`
   */
  login(username: string, password: string): Promise<string>;
  /**
   * Ends no session.
   * @throws HsmFailure `session-ended`, `logged-in-elsewhere`, `invalid-password`
   */
  changePassword(sessionId: string, username: string, newPassword: string): Promise<void>;
  /** Ends a session, or whatever session the owner holds; also succeeds when there is none. */
  logout(sessionId?: string): Promise<void>;
  /** Closes the connection, not the session. Never throws. */
  close(): void;
}

/**
 * Why an HSM did not do what was asked.
 * - `unreachable`: nothing was sent, or the connection never came up
 * - `no-answer`: sent and unanswered (or answered unreadably), so the outcome is unknown
 * - `untrusted-certificate`: it did not prove to be a member of the cluster
 * - `hsm-error`: it answered that something else went wrong
 */
export type HsmFailureReason =
  | 'wrong-password'
  | 'locked-out'
  | 'user-not-found'
  | 'logged-in-elsewhere'
  | 'session-ended'
  | 'invalid-password'
  | 'unreachable'
  | 'no-answer'
  | 'untrusted-certificate'
  | 'hsm-error';

/** A failed request to an HSM. The message tells an operator what to do and never holds a secret. */
export class HsmFailure extends Error {
  override readonly name = 'HsmFailure';
  constructor(
    readonly reason: HsmFailureReason,
    message: string,
  ) {
    super(message);
  }
}
