import type { XksErrorName } from '../keystore/xks-proxy-outcome';
import type { KeyChoice, RequestMetadata, RequestRecipe } from './request-recipe';
import type { AnswerRule, ErrorRule } from './rules';
import type { Operation, Section } from './specification';
import type { TlsRule } from './tls-rules';

/** What the proxy should do with a request: answer well (and hold a rule), or refuse with one of some error names. */
export type Expectation = { success: AnswerRule } | { refusal: readonly XksErrorName[] };

/** The parts of an encryption, as Decrypt takes them, by the names of their members. */
export type CipherPart =
  | 'ciphertext'
  | 'authenticationTag'
  | 'initializationVector'
  | 'additionalAuthenticatedData'
  | 'ciphertextMetadata';

/**
 * What is done to a part: one bit of its first or last byte changed, cut short (`keepBytes` stay), one byte added, left out, or put where there
 * was none.
 */
export type Tampering = 'flip' | 'flip-last' | 'add-byte' | 'omit' | 'insert' | { keepBytes: number };

/** One check, by what has to be done for it; `checks/` holds one function for each kind. */
export type Check =
  /** the proxy can be reached at all: every other check but those of TLS depends on it */
  | { kind: 'reachable' }
  /** one request, one expectation */
  | { kind: 'answer'; request: RequestRecipe; expect: Expectation }
  /** the request must not be signed in vain: answered with an HTTP status, whatever the body */
  | { kind: 'http-status'; request: RequestRecipe; status: number }
  /** an encryption whose answer, handed back, decrypts to what was encrypted */
  | {
      kind: 'round-trip';
      plaintextBytes: number;
      additionalDataBytes?: number;
      encryptMetadata?: RequestMetadata;
      decryptMetadata?: RequestMetadata;
      integrity?: boolean;
    }
  /** an encryption that must not decrypt once it was tampered with */
  | {
      kind: 'tampered';
      part: CipherPart;
      how: Tampering;
      /** of the encryption; default 32 */
      additionalDataBytes?: number;
      refusal: readonly XksErrorName[];
    }
  /** the proxy's metadata given back as additional data, and the other way round */
  | { kind: 'metadata-as-additional-data' }
  /** many encryptions of one plaintext, no two alike */
  | { kind: 'encryptions-differ'; count: number }
  /** the form of an error that a request provokes */
  | { kind: 'error-form'; request: RequestRecipe; rule: ErrorRule }
  | { kind: 'tls'; rule: TlsRule }
  /** several requests on one connection, as long as the proxy keeps it */
  | { kind: 'kept-connection'; requests: number }
  /** what KMS does before it calls a store CONNECTED, by Keymoor's own client */
  | { kind: 'connect-probe' }
  /** each request of some is answered in the time that KMS allows, or its one repeat is */
  | { kind: 'time-limit'; operation: Operation; requests: number }
  /** many requests at once */
  | { kind: 'load' };

/** One rule of the specification, and how it is checked. */
export interface Case {
  /** stable: baselines name it */
  id: string;
  /** the rule, as a sentence */
  title: string;
  section: Section;
  check: Check;
  /** checked only where the command line names it */
  onlyWith?: Exclude<KeyChoice, 'main' | 'unknown'> | 'load';
}
