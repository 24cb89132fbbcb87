import { DefaultLogger, Runtime } from '@temporalio/worker';

/** Keeps the SDK from writing to the console what a test expects. Once per test file, before anything else. */
export function installQuietRuntime(): void {
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter: 'ERROR', forward: {} } },
  });
}
