import type { HsmFailureReason } from '../hsm-login';
import type { TokenFacts } from './token';

/*
 * What a token's process is asked and answers, over pipes: nothing of it shows in an argument
 * list, an environment or a file.
 */

/** A request. `deadline`: milliseconds since the epoch, after which a PIN is not sent any more. */
export type TokenRequest = { id: number; deadline: number } & TokenWork;

/** `open` comes first, and once. */
export type TokenWork =
  | { kind: 'open'; module: string; tokenLabel: string | undefined }
  | { kind: 'login'; pin: string }
  | { kind: 'set-pin'; currentPin: string; newPin: string };

/** The answer to the request of the same id; `library` goes before the one to `open`. */
export type TokenAnswer =
  | { id: number; kind: 'library'; library: string }
  | { id: number; kind: 'done'; facts?: TokenFacts }
  /** the library answered with a return value other than CKR_OK */
  | { id: number; kind: 'return-value'; call: string; code: number }
  /** the message goes on after "token …: " */
  | { id: number; kind: 'failed'; reason: HsmFailureReason; message: string };

/**
 * Requests go to the process's standard input and answers come from this descriptor, each a line of JSON. Not Node.js's
 * own channel: that takes the parent down when a library writes something else to it.
 */
export const ANSWERS_FD = 3;

/** Longer than any answer. */
export const LONGEST_ANSWER = 65_536;
