import { AnswerCounts } from './calls';
import type { Violation } from './checks';
import { FaultCounts } from './fault-counts';
import { missedBy, tablesOf, textOf } from './report';
import type { StormResult } from './storm';

function result(operations: number, faultCount: number, violations: Violation[] = []): StormResult {
  const counts = new AnswerCounts();
  for (let count = 0; count < operations; count++)
    counts.add('connect', { outcome: 'accepted', requestId: '', value: undefined });
  const faults = new FaultCounts();
  faults.hit('process: kill worker', faultCount);
  return {
    seed: 1,
    stores: 1,
    stormedMs: 600_000,
    settledMs: 1_000,
    counts,
    faults,
    meddled: new Map(),
    violations,
    ends: new Map(),
    codes: new Map(),
    looked: new Map([['answers of the API', 7]]),
    logFile: '/tmp/a.log',
  };
}
const violation: Violation = { kind: 'overlap', what: 'two at once' };
const rowOf = (of: StormResult, what: string): string[] | undefined =>
  tablesOf(of, 10)[0]?.rows.find(([name]) => name === what);

it('a storm misses nothing that had its operations and faults and kept every promise', () => {
  expect(missedBy(result(500, 200), 10)).toEqual([]);
  expect(missedBy(result(100, 40), 2)).toEqual([]);
});

it('a storm in which too little happened is a failure, as long as it was', () => {
  expect(missedBy(result(499, 199), 10)).toEqual([
    '499 operations in 10 minutes, and not 500',
    '199 faults in 10 minutes, and not 200',
  ]);
  expect(missedBy(result(500, 200), 20)).toHaveLength(2);
  expect(missedBy(result(500, 0), 10)).toEqual(['0 faults in 10 minutes, and not 200']);
});

it('a storm that broke a promise is a failure', () => {
  expect(missedBy(result(500, 200, [violation]), 10)).toEqual(['overlap: two at once']);
});

it('the first table holds each figure against its target', () => {
  expect(tablesOf(result(500, 200), 10)[0]?.head).toEqual(['What', 'Figure', 'Target', 'Verdict']);
  const few = result(500, 150, [violation]);
  expect(rowOf(few, 'operations accepted')).toEqual(['operations accepted', '500', '≥ 500', 'met']);
  expect(rowOf(few, 'faults that hit')).toEqual(['faults that hit', '150', '≥ 200', 'missed']);
  expect(rowOf(few, 'operations of one store at the same time, or out of order')?.slice(1)).toEqual([
    '1',
    '0',
    'missed',
  ]);
  expect(rowOf(few, 'leaks')?.slice(1)).toEqual(['0', '0', 'met']);
  expect(textOf(few, 10)).toMatch(/faults that hit +150 +≥ 200 missed/);
  for (const { head, rows } of tablesOf(few, 10))
    for (const row of rows) expect(row).toHaveLength(head.length);
});
