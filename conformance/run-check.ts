import type { Check } from './case';
import { checkAnswer, checkErrorForm, checkHttpStatus } from './checks/answer';
import { checkConnectProbe } from './checks/connect-probe';
import { checkKeptConnection, checkReachable, checkTls } from './checks/connection';
import {
  checkEncryptionsDiffer,
  checkMetadataAsAdditionalData,
  checkRoundTrip,
  checkTampered,
} from './checks/encryption';
import { checkLoad, checkTimeLimit } from './checks/timing';
import type { Conversation } from './conversation';

type Kind = Check['kind'];
type CheckOf<K extends Kind> = Extract<Check, { kind: K }>;

/** What is done for each kind of check. */
const RUNNERS: { readonly [K in Kind]: (conversation: Conversation, check: CheckOf<K>) => Promise<void> } = {
  reachable: checkReachable,
  answer: checkAnswer,
  'http-status': checkHttpStatus,
  'round-trip': checkRoundTrip,
  tampered: checkTampered,
  'metadata-as-additional-data': checkMetadataAsAdditionalData,
  'encryptions-differ': checkEncryptionsDiffer,
  'error-form': checkErrorForm,
  tls: checkTls,
  'kept-connection': checkKeptConnection,
  'connect-probe': checkConnectProbe,
  'time-limit': checkTimeLimit,
  load: checkLoad,
};

/** Makes one check. @throws CheckFailed where its rule does not hold */
export async function runCheck<K extends Kind>(conversation: Conversation, check: CheckOf<K>): Promise<void> {
  const runner = RUNNERS[check.kind] as (conversation: Conversation, check: CheckOf<K>) => Promise<void>;
  await runner(conversation, check);
}
