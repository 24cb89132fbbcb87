import type { HsmFailureReason } from '../hsm-login';
import type { TokenFacts } from './token';

/*
 * What a token's process is asked and answers, over the IPC channel of Node.js: nothing of it shows in an argument
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
