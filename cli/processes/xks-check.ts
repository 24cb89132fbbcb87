import { accessSync, constants, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { hostHeader } from '../../conformance/proxy-under-test';
import type { ProxyUnderTest } from '../../conformance/proxy-under-test';
import { jsonReport } from '../../conformance/reports/json-report';
import { junitReport } from '../../conformance/reports/junit-report';
import { checkLines, summaryLines } from '../../conformance/reports/text-report';
import { hasNewFailures, runChecks } from '../../conformance/run-checks';
import type { CheckRun } from '../../conformance/run-checks';
import { SPECIFICATION } from '../../conformance/specification';
import { EnvironmentError } from '../environment/environment-error';
import type { Environment } from '../environment/environment-error';
import { errorCode } from '../error-facts';
import { knownFailuresFrom, proxyFrom, UsageError } from './xks-check-options';
import type { XksCheckOptions } from './xks-check-options';

export type { XksCheckOptions } from './xks-check-options';

const NO_NEW_FAILURES = 0;
const NEW_FAILURES = 1;
const WRONG_COMMAND = 2;
const INTERRUPTED = 130;

/**
 * `keymoor xks check URL`: plays KMS against one proxy, with neither Temporal nor PostgreSQL, and prints the verdict.
 *
 * @returns the exit code
 */
export async function runXksCheck(
  url: string,
  options: XksCheckOptions,
  environment: Environment,
): Promise<number> {
  let proxy: ProxyUnderTest;
  let knownFailures: ReadonlySet<string>;
  try {
    proxy = proxyFrom(url, options, environment);
    knownFailures = knownFailuresFrom(options);
    checkWritable(options.junit);
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof EnvironmentError)) throw error;
    process.stderr.write(`keymoor: ${error.message}\n`);
    return WRONG_COMMAND;
  }
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  process.once('SIGINT', interrupt);
  // Nobody reads on (`| head`): what is left to say is not worth a stack trace.
  process.stdout.on('error', () => process.exit(INTERRUPTED));
  process.once('SIGTERM', interrupt);
  try {
    return report(await run(proxy, knownFailures, options, interruption.signal), options);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    process.stderr.write('keymoor: interrupted\n');
    return INTERRUPTED;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

async function run(
  proxy: ProxyUnderTest,
  knownFailures: ReadonlySet<string>,
  options: XksCheckOptions,
  signal: AbortSignal,
): Promise<CheckRun> {
  if (options.json === true) return runChecks(proxy, { signal, knownFailures });
  print([`Checking https://${hostHeader(proxy.target)}${proxy.path} against the ${SPECIFICATION}`, '']);
  return runChecks(proxy, { signal, knownFailures, onResult: (result) => print(checkLines(result)) });
}

function report(done: CheckRun, options: XksCheckOptions): number {
  if (options.json === true) print([jsonReport(done)]);
  else print(summaryLines(done));
  if (options.junit !== undefined) writeFileSync(options.junit, junitReport(done));
  return hasNewFailures(done) ? NEW_FAILURES : NO_NEW_FAILURES;
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Before anything is checked: a report that cannot be written is found out at the start. */
function checkWritable(file: string | undefined): void {
  if (file === undefined) return;
  try {
    if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
      throw new UsageError(`--junit: ${file} is a folder`);
    }
    accessSync(dirname(resolve(file)), constants.W_OK);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`--junit: ${file} cannot be written (${String(errorCode(error))})`);
  }
}
