import type { Dependencies } from '../../../activities/dependencies';
import type { CloudHsmKeyStore } from '../../../keystore/custom-key-store';
import type { ConnectWorld } from '../../harness/connect-world';

/** What somebody may do to kmsuser from outside, as far as the kind of HSM can show it. */
export type Meddling = 'locked' | 'absent' | 'loggedInElsewhere' | 'missingOnOneHsm';

/** An administrator's view of one cluster's kmsuser. None of it counts as a try. */
export interface HsmAdmin {
  /** whether this password is the one in force */
  isInForce(password: string): Promise<boolean>;
  /** sets another, as an administrator would */
  setPassword(password: string): Promise<void>;
  /** every try that the HSM has seen, oldest first: whether the password that it carried was right */
  tries(): Promise<boolean[]>;
  meddle(how: Meddling): Promise<void>;
}

/** One implementation of HsmLogin on real parts, with what tests need around it. */
export interface HsmRig {
  world: ConnectWorld;
  /** with the HsmLogin under test, and whole budgets: between its attempts a step then leaves the pauses to Temporal */
  dependencies: Dependencies;
  /** what can happen to kmsuser there */
  meddlings: readonly Meddling[];
  /** a store of a fresh account whose password is kmsuser's */
  aStore(): Promise<{ store: CloudHsmKeyStore; admin: HsmAdmin }>;
  close(): Promise<void>;
}

/** One implementation of HsmLogin, and how to test it. */
export interface HsmKindUnderTest {
  open(): Promise<HsmRig>;
  /** as in HsmConnection */
  changeIsATry: boolean;
  /** how many random series of deaths */
  runs: number;
  /** what hardly depends on the kind is left to the others, unless the tests are whole */
  isSlow?: boolean;
}
