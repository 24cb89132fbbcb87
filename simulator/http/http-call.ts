/** An HTTP request, read whole. */
export interface HttpCall {
  method: string;
  url: URL;
  body: Buffer;
  /** who calls, by the signature's access key id */
  accountId: string;
  /** whether it comes from this machine, by its loopback address */
  fromLoopback: boolean;
  hangUp(how: 'close' | 'reset'): void;
}

/**
 * The calling account. Signatures are not verified: an access key id of 12 digits is the account itself,
 * anything else is account `000000000000`.
 */
export function callingAccount(authorization: string | undefined): string {
  return /Credential=(\d{12})\//.exec(authorization ?? '')?.[1] ?? '000000000000';
}

/** Whether an address of a connection's other end is a loopback one. */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(::1$|(::ffff:)?127\.)/.test(address);
}
