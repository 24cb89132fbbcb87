import type { Case } from '../../../conformance/case';
import { hasNewFailures, runChecks } from '../../../conformance/run-checks';
import type { CheckRun } from '../../../conformance/run-checks';
import { WHOLE } from '../../harness/sample';
import { makeAuthority } from '../../clients/xks/test-authority';
import type { Identity, TestAuthority } from '../../clients/xks/test-authority';
import { TestSimulator } from '../../simulator/harness/simulator';
import { createProxy, XksClient } from '../../simulator/harness/xks-proxy';
import { proxyAt } from './known-proxy';
import { startMutatingProxy } from './mutating-proxy';
import { expectedFailures } from './mutant';
import type { Certificate, Mutant } from './mutant';
import { faithful } from './mutations';

const ONE_IN = WHOLE ? 1 : 16;

/** Defines one test for each mutant: exactly the checks of its bug fail. */
export function testMutants(mutants: readonly Mutant[]): void {
  jest.setTimeout(300_000);
  let simulator: TestSimulator;
  let client: XksClient;
  let authority: TestAuthority;
  let certificates: Readonly<Record<Certificate, Identity>>;

  beforeAll(async () => {
    simulator = await TestSimulator.start();
    client = await XksClient.of(simulator, await createProxy(simulator));
    authority = await makeAuthority();
    const stranger = await makeAuthority();
    const [right, otherHost, expired, otherCa] = await Promise.all([
      authority.issue([client.host]),
      authority.issue(['elsewhere.example']),
      authority.issue([client.host], { from: -10, to: -1 }),
      stranger.issue([client.host]),
    ]);
    certificates = { right, 'other-host': otherHost, expired, 'other-ca': otherCa };
  });

  afterAll(() => simulator.dispose());

  /**
   * All that should fail, and one in so many of the others, other ones for each mutant: each check is told from as small a
   * part of all bugs, in as small a part of the time.
   */
  const wantsOf = (mutant: Mutant, nth: number): ((one: Case) => boolean) => {
    const expected = new Set(expectedFailures(mutant));
    let index = nth;
    return (one) => (index += 1) % ONE_IN === 0 || expected.has(one.id) || one.check.kind === 'reachable';
  };

  async function runOn(mutant: Mutant, wants?: (one: Case) => boolean): Promise<CheckRun> {
    const { port, close } = await startMutatingProxy(
      client,
      { ...certificates[mutant.certificate ?? 'right'], ...mutant.tls },
      mutant.mutation,
    );
    try {
      const proxy = proxyAt(client, { port, ca: authority.ca }, mutant.proxy);
      return await runChecks(proxy, {
        signal: new AbortController().signal,
        knownFailures: new Set(),
        ...(wants && { wants }),
      });
    } finally {
      await close();
    }
  }

  test('what stands in front of the proxy adds no fault of its own', async () => {
    const { results } = await runOn({ bug: 'has none', mutation: faithful, fails: [] });
    const failed = results.filter(({ verdict }) => verdict === 'failed');
    expect(failed.map(({ case: one, message }) => [one.id, message])).toEqual([]);
  });

  test.each(mutants.map((mutant, nth) => [mutant.bug, mutant, nth] as const))(
    'a proxy that %s fails the checks of that and no other',
    async (_bug, mutant, nth) => {
      const run = await runOn(mutant, wantsOf(mutant, nth));
      const failed = run.results.filter(({ verdict }) => verdict === 'failed');
      expect(failed.map(({ case: one }) => one.id)).toEqual(expectedFailures(mutant));
      expect(hasNewFailures(run)).toBe(true);
      for (const { message } of failed) {
        expect(message).toMatch(/\S/);
        expect(message).not.toContain(client.proxy.RawSecretAccessKey);
      }
    },
  );
}
