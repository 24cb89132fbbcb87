import type { ApiOverrides, ApiUnderTest } from './api-under-test';
import { startApiUnderTest } from './api-under-test';
import { databaseUrl } from './stores';

/** Another API on the same database, as there are several behind a load balancer; to be closed before the first one. */
export function startTwin(under: ApiUnderTest, overrides: ApiOverrides): Promise<ApiUnderTest> {
  const { masterKey } = under;
  return startApiUnderTest({ databaseVia: () => databaseUrl(under), masterKey, ...overrides });
}
