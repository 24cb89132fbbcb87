import type { XksProxyOutcome } from '../../keystore/xks-proxy-outcome';

/** What is known of a failure beside its outcome. */
export interface ProxyFailureDetails {
  /** nothing came in time, so that one more try is due (`spec/xks.md` §1, Timing) */
  networkTimeout?: boolean;
  /** of the answer, where there was one */
  httpStatus?: number;
}

/**
 * What every function under clients/xks/ throws when a proxy did not do what it was asked, or could not be asked. The
 * message is for the operator (never for the caller of KMS, whose sentence is in `keystore/xks-proxy-outcome.ts`):
 * what was wrong and what to look at. It holds no secret and nothing of the original error, so that it may be logged,
 * stored and serialised.
 */
export class ProxyCallFailed extends Error {
  override readonly name = 'ProxyCallFailed';
  readonly networkTimeout: boolean;
  readonly httpStatus?: number;

  constructor(
    readonly outcome: XksProxyOutcome,
    message: string,
    details: ProxyFailureDetails = {},
  ) {
    super(message);
    this.networkTimeout = details.networkTimeout ?? false;
    if (details.httpStatus !== undefined) this.httpStatus = details.httpStatus;
  }
}
