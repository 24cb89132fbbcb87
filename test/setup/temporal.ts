import { randomBytes } from 'node:crypto';

/** host:port of the run's Temporal dev server; its namespace is `default`. */
export function testTemporalAddress(): string {
  return required('KEYMOOR_TEST_TEMPORAL_ADDRESS');
}

/** Path of the bundle of today's workflows. */
export function testWorkflowBundlePath(): string {
  return required('KEYMOOR_TEST_WORKFLOW_BUNDLE');
}

/** A task queue that no other test file uses. */
export function uniqueTaskQueue(): string {
  return `test-${randomBytes(6).toString('hex')}`;
}

function required(variable: string): string {
  const value = process.env[variable];
  if (value === undefined) throw new Error(`the global set-up of the tests has not set ${variable}`);
  return value;
}
