import { hostHeader } from '../proxy-under-test';
import type { CheckRun } from '../run-checks';
import { OPERATION_NAMES, SECTIONS, SPECIFICATION } from '../specification';
import { countVerdicts, durationsByOperation } from './summary';

/**
 * A run as one JSON document: `{ specification, url, region, startedAt, limitMs, summary, checks, durations, load? }`,
 * times in milliseconds, shares from 0 to 1. No secret is in it.
 */
export function jsonReport(run: CheckRun): string {
  const { proxy } = run;
  return JSON.stringify(
    {
      specification: SPECIFICATION,
      url: `https://${hostHeader(proxy.target)}${proxy.path}`,
      region: proxy.region,
      startedAt: run.startedAt.toISOString(),
      limitMs: proxy.limitMs,
      summary: countVerdicts(run),
      checks: run.results.map(({ case: one, verdict, message, milliseconds }) => ({
        id: one.id,
        title: one.title,
        section: SECTIONS[one.section],
        verdict,
        message,
        milliseconds: Math.round(milliseconds),
      })),
      durations: durationsByOperation(run).map(({ operation, durations }) => ({
        operation: OPERATION_NAMES[operation],
        ...durations,
      })),
      load: run.load,
    },
    undefined,
    2,
  );
}
