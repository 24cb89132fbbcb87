import { listUnreleased, ofKind, planResources } from '../database/queries/provisioned-resources';
import type { EntryOf, PlannedResource, ResourceKind } from '../database/queries/provisioned-resources';
import type { Dependencies } from './dependencies';
import { operationNotRunning } from './operation-not-running';
import type { StepContext } from './run-step';

/** The ledger's entries for these resources, all of one kind, written before anything is requested. */
export async function plan<K extends ResourceKind>(
  deps: Dependencies,
  step: StepContext,
  kind: K,
  resources: Extract<PlannedResource, { kind: K }>[],
): Promise<EntryOf<K>[]> {
  const entries = await planResources(deps.database.pool, step.input, resources);
  if (!entries) throw operationNotRunning(step.input);
  if (entries.length === resources.length) return ofKind(entries, kind);
  // Another attempt planned some at the same moment: now they are there to be read.
  const unreleased = ofKind(await listUnreleased(deps.database.pool, step.input.storeId), kind);
  return unreleased.filter((entry) => resources.some((resource) => resource.slot === entry.slot));
}
