import type { ConnectionErrorCode } from './connection-error-code';
import type { CustomKeyStoreType, XksConnectivity } from './custom-key-store';

/** The two long-running operations; each accepted call makes one row. */
export type OperationKind = 'connect' | 'disconnect';

/**
 * - `running`: accepted, not yet ended
 * - `succeeded`: reached CONNECTED or DISCONNECTED
 * - `failed`: a connect that ended in FAILED
 * - `cancelled`: a connect that a Disconnect overtook, or a disconnect that an operator abandoned
 */
export type OperationState = 'running' | 'succeeded' | 'failed' | 'cancelled';

/** One accepted Connect or Disconnect. */
export interface Operation {
  /** decimal, growing in the order of acceptance */
  id: string;
  customKeyStoreId: string;
  accountId: string;
  kind: OperationKind;
  generation: number;
  state: OperationState;
  startedAt: Date;
  finishedAt?: Date;
  connectionErrorCode?: ConnectionErrorCode;
  steps: OperationStep[];
}

/** `running` also between two attempts: the message then tells why the last one failed. */
export type StepState = 'running' | 'succeeded' | 'failed' | 'cancelled';

/** How far one step of an operation came. */
export interface OperationStep {
  name: string;
  state: StepState;
  attempts: number;
  startedAt: Date;
  finishedAt?: Date;
  /** what to do, for an operator; never a secret */
  message?: string;
}

/** The argument of both workflows: plain JSON, no secret. */
export interface OperationInput {
  storeId: string;
  generation: number;
  type: CustomKeyStoreType;
  /** of an external key store */
  connectivity?: XksConnectivity;
}

/** What it takes to start an operation in Temporal: of an accepted call, or of the reconciler. */
export interface DispatchableOperation {
  id: string;
  kind: OperationKind;
  /** the store's name, for Temporal's web UI */
  storeName: string;
  input: OperationInput;
}

/** Type of the failure by which a step refuses to run for an operation that is no longer the running one. */
export const OPERATION_NOT_RUNNING = 'OperationNotRunning';
