import type { Case } from '../case';
import type { AnswerRule } from '../rules';
import { FUTURE_KMS_OPERATION, KMS_OPERATIONS } from '../specification';
import { kebab } from './kebab';

const answers = (id: string, title: string, success: AnswerRule): Case => ({
  id,
  title,
  section: 'health',
  check: { kind: 'answer', request: { operation: 'health' }, expect: { success } },
});
const named = (kmsOperation: string, title: string): Case => ({
  id: `health-operation-${kebab(kmsOperation)}`,
  title,
  section: 'health',
  check: {
    kind: 'answer',
    request: { operation: 'health', metadata: { kmsOperation } },
    expect: { success: 'is-answered' },
  },
});

/** GetHealthStatus: what KMS asks before anything else. */
export const HEALTH_CASES: readonly Case[] = [
  ...KMS_OPERATIONS.health.map((name) => named(name, `GetHealthStatus serves ${name}`)),
  named(FUTURE_KMS_OPERATION, 'GetHealthStatus serves a kmsOperation that is not known yet'),
  {
    id: 'health-opaque-request-id',
    title: 'GetHealthStatus works with a kmsRequestId that is no UUID',
    section: 'health',
    check: {
      kind: 'answer',
      request: { operation: 'health', metadata: { kmsRequestId: 'an opaque text, no UUID' } },
      expect: { success: 'is-answered' },
    },
  },
  answers('health-content-type', 'GetHealthStatus answers with application/json', 'has-json-content-type'),
  answers('health-fleet-size', 'xksProxyFleetSize is a whole number above 0', 'fleet-size-is-positive'),
  answers('health-vendors', 'xksProxyVendor, xksProxyModel and ekmVendor are named', 'names-its-makers'),
  answers('health-managers', 'ekmFleetDetails has 1 to 10 entries', 'lists-one-to-ten-managers'),
  answers('health-manager-ids', 'Each external key manager has an id and a model', 'describes-each-manager'),
  answers(
    'health-manager-status',
    'Each healthStatus is ACTIVE, DEGRADED or UNAVAILABLE',
    'knows-each-managers-health',
  ),
  answers(
    'health-available',
    'At least one external key manager is not UNAVAILABLE',
    'has-a-manager-at-work',
  ),
  {
    id: 'health-without-metadata',
    title: 'GetHealthStatus without requestMetadata is refused',
    section: 'health',
    check: {
      kind: 'answer',
      request: { operation: 'health', members: { requestMetadata: undefined } },
      expect: { refusal: ['ValidationException'] },
    },
  },
  {
    id: 'health-empty-metadata',
    title: 'GetHealthStatus with empty requestMetadata is refused',
    section: 'health',
    check: {
      kind: 'answer',
      request: { operation: 'health', members: { requestMetadata: {} } },
      expect: { refusal: ['ValidationException'] },
    },
  },
];
