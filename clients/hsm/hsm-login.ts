import { KMSUSER } from '../../keystore/naming';
import type { CallOptions } from '../call-options';

/**
 * How a connect talks to the HSMs of a cluster, whatever library is behind it (`KEYMOOR_HSM`).
 *
 * Glossary. *HSM*: one member of the cluster, with a table of users of its own. *Owner*: the key store on whose
 * behalf a session exists (D31). *Session*: kmsuser being logged in. On some ways it belongs to the owner, is known to
 * the whole cluster and outlives the connection; on others it ends with the library's process, and a login is no more
 * than the proof of a password.
 */
export interface HsmLogin {
  /** Whether a connection is one to the HSM that the target names, or speaks for all HSMs of the cluster. */
  readonly reach: 'one-hsm' | 'whole-cluster';
  /** Whether kmsuser stays logged in when a connection is closed, so that somebody has to log it out. */
  readonly keepsSessions: boolean;
  /**
   * Opens a connection, and proves that it leads to the right cluster, as far as the way to it can: the simulator's by
   * TLS, certificate against the store's trust anchor, cluster id in the certificate.
   *
   * @param options `timeoutMs` (default 5000 or more, see there) bounds the whole connect, and after it each request
   * on the connection; `signal` closes the connection whenever it is aborted, also later.
   * @throws HsmFailure `unreachable`, `no-token`, `unusable-library`, `untrusted-certificate` or `hsm-error`; the
   * signal's reason if it was cancelled; HsmBusy
   */
  connect(target: HsmTarget, options?: HsmConnectOptions): Promise<HsmConnection>;
}

/** How to connect. */
export interface HsmConnectOptions extends CallOptions {
  /** told, in a few words, of each thing on the way that works (`keymoor hsm check`) */
  onStage?: (stage: string) => void;
}

/** Which HSM, and on whose behalf. */
export interface HsmTarget {
  /** `cluster-…`: the certificate must name it */
  clusterId: string;
  /** `hsm-…` */
  hsmId: string;
  /** the HSM's address in the cluster's VPC (`EniIp`); empty outside AWS */
  eniIp: string;
  /** the addresses of all ACTIVE HSMs of the cluster, this one's included; none outside AWS */
  addresses: readonly string[];
  /** the connector's security group: the way leads through a network interface of it; empty outside AWS */
  securityGroupId: string;
  /** whose the cluster is, 12 digits */
  accountId: string;
  /** the key store's id */
  owner: string;
  /** PEM; the only certificate authority that is trusted */
  trustAnchorCertificate: string;
}

/** A user as one HSM knows it, or as all of them do where the connection speaks for the cluster. */
export interface HsmUser {
  username: string;
  /** `CU` crypto user, `CO` crypto officer, … */
  type: string;
}

/** Whether this is the crypto user that KMS logs in as; one of that name and of another type is not. */
export function isKmsuser({ username, type }: HsmUser): boolean {
  return username === KMSUSER && type === 'CU';
}

/** A change of a user's own password. */
export interface PasswordChange {
  /** as `login` returned it; undefined where none is kept */
  sessionId: string | undefined;
  username: string;
  /** the password in force; may be empty where `changeIsATry` is false, as nobody asks for it there */
  currentPassword: string;
  newPassword: string;
}

/**
 * An open connection to one HSM. Requests run one after another. Every method throws HsmFailure; `no-answer` means
 * that the request was sent and nobody knows whether it was done, `unreachable` that it never left. A cancelled
 * signal's reason is thrown instead: the outcome of the request is then as unknown as after a crash.
 */
export interface HsmConnection {
  /**
   * Whether `changePassword` proves itself by the current password, and not by the session: a wrong one then counts
   * towards the lock, so that changes are tried as sparingly as logins (`spec/kms.md` D18).
   */
  readonly changeIsATry: boolean;
  /** Only users that exist on every HSM that the connection speaks for. */
  listUsers(): Promise<HsmUser[]>;
  /**
   * Logs in and ends the owner's earlier session.
   * @returns the session's id; undefined where a session does not outlive the connection
   * @throws HsmFailure `wrong-password` (counts towards the lock), `locked-out`, `user-not-found`, `logged-in-elsewhere`
   */
  login(username: string, password: string): Promise<string | undefined>;
  /**
   * Ends no session.
   * @throws HsmFailure `session-ended`, `logged-in-elsewhere`, `invalid-password`; where `changeIsATry` also what
   * `login` throws
   */
  changePassword(change: PasswordChange): Promise<void>;
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
 * - `no-token`: the library works and knows no such HSM
 * - `unusable-library`: the client software that leads to the HSM is not there, or not what it should be
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
  | 'no-token'
  | 'unusable-library'
  | 'hsm-error';

/**
 * Too many connections of this machine's own are open. Nothing was asked, and nothing is said of the HSM: a limit of
 * ours, which costs a connect no budget. Try again.
 */
export class HsmBusy extends Error {
  override readonly name = 'HsmBusy';
  readonly code = 'HSM_BUSY';
}

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
