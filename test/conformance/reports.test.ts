import { XMLParser } from 'fast-xml-parser';
import { CASES } from '../../conformance/cases';
import { jsonReport } from '../../conformance/reports/json-report';
import { junitReport } from '../../conformance/reports/junit-report';
import { checkLines, summaryLines } from '../../conformance/reports/text-report';
import type { CheckResult, CheckRun, Verdict } from '../../conformance/run-checks';

const SECRET = 'CanaryCanaryCanaryCanaryCanaryCanaryCanary43';

const result = (id: string, verdict: Verdict, message?: string): CheckResult => {
  const one = CASES.find((candidate) => candidate.id === id);
  if (one === undefined) throw new Error(`no check ${id}`);
  return { case: one, verdict, milliseconds: 12.4, ...(message === undefined ? {} : { message }) };
};

const RUN: CheckRun = {
  proxy: {
    target: { host: 'xks.example.com', port: 8443, connectTo: [] },
    path: '/kms/xks/v1',
    credential: { accessKeyId: 'BETWEEN2TENAND3TENCHARACTERS', rawSecretAccessKey: SECRET },
    region: 'us-east-1',
    keys: { main: 'key' },
    limitMs: 250,
  },
  startedAt: new Date('2026-11-22T10:00:00Z'),
  results: [
    result('reachable', 'ok'),
    result('get-health', 'failed', 'expected HTTP 405, got <HTTP 200> & "more"'),
    result('get-encrypt', 'known', 'expected HTTP 405, got HTTP 404'),
    result('get-decrypt', 'fixed'),
  ],
  timings: [
    { operation: 'health', totalMs: 10, reused: false },
    { operation: 'health', totalMs: 300, reused: false },
    { operation: 'health', totalMs: 1, reused: true },
  ],
  load: {
    connections: 2,
    requests: 100,
    failed: 0,
    perSecond: 512.3,
    count: 100,
    p50: 3,
    p99: 9,
    shareOverLimit: 0,
  },
};

test('a check is one line: verdict, id, title, section; a failure has its reason below', () => {
  const [ok, failed] = RUN.results.map((one) => checkLines(one));
  expect(ok).toHaveLength(1);
  expect(ok?.[0]).toMatch(/^ok {5}reachable +The proxy answers HTTP\/1.1 over TLS {2}\[API content type\]$/);
  expect(failed?.[0]).toMatch(/^FAIL {3}get-health +GET .* is HTTP 405 {2}\[API operations\]$/);
  expect(failed?.slice(1)).toEqual(['       expected HTTP 405, got <HTTP 200> & "more"']);
});

test('a known failure and one that passes by now are told apart', () => {
  expect(RUN.results.slice(2).map((one) => checkLines(one)[0]?.split(' ')[0])).toEqual(['known', 'fixed']);
});

test('the summary tells durations, load, what may leave the baseline, and the counts', () => {
  expect(summaryLines(RUN)).toEqual([
    '',
    'GetHealthStatus: 2 on fresh connections, p50 10.0 ms, p99 300.0 ms, 50.0 % over 250 ms',
    'under load: 100 x Encrypt over 2 connections, 512/s, 0 failed, p50 3.0 ms, p99 9.0 ms, 0.0 % over 250 ms',
    'get-decrypt is in the baseline and passes: take it out',
    '4 checks: 2 passed, 1 failed, 1 known to fail',
  ]);
});

test('the JSON document has every check with its verdict, and no secret', () => {
  const text = jsonReport(RUN);
  expect(text).not.toContain(SECRET);
  expect(JSON.parse(text)).toEqual({
    specification: 'External Key Store Proxy API Specification 1.0.3',
    url: 'https://xks.example.com:8443/kms/xks/v1',
    region: 'us-east-1',
    startedAt: '2026-11-22T10:00:00.000Z',
    limitMs: 250,
    summary: { total: 4, ok: 1, failed: 1, known: 1, fixed: 1 },
    checks: [
      expect.objectContaining({ id: 'reachable', verdict: 'ok', section: 'API content type' }),
      {
        id: 'get-health',
        title: 'GET on the URI of GetHealthStatus is HTTP 405',
        section: 'API operations',
        verdict: 'failed',
        message: 'expected HTTP 405, got <HTTP 200> & "more"',
        milliseconds: 12,
      },
      expect.objectContaining({ id: 'get-encrypt', verdict: 'known' }),
      expect.objectContaining({ id: 'get-decrypt', verdict: 'fixed' }),
    ],
    durations: [{ operation: 'GetHealthStatus', count: 2, p50: 10, p99: 300, shareOverLimit: 0.5 }],
    load: RUN.load,
  });
});

test('JUnit XML has a test case for each check: failures fail, known ones are skipped', () => {
  const text = junitReport(RUN);
  expect(text).not.toContain(SECRET);
  const parsed = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '' }).parse(text) as {
    testsuite: { testcase: Record<string, unknown>[] } & Record<string, unknown>;
  };
  expect(parsed.testsuite).toMatchObject({
    tests: '4',
    failures: '1',
    errors: '0',
    skipped: '1',
    time: '0.050',
  });
  expect(parsed.testsuite.testcase).toEqual([
    {
      classname: 'xks.API content type',
      name: 'reachable: The proxy answers HTTP/1.1 over TLS',
      time: '0.012',
    },
    expect.objectContaining({ failure: { message: 'expected HTTP 405, got <HTTP 200> & "more"' } }),
    expect.objectContaining({ skipped: { message: 'known failure: expected HTTP 405, got HTTP 404' } }),
    expect.objectContaining({ 'system-out': expect.stringContaining('take it out') }),
  ]);
});
