import type { Case } from './case';
import { AUTHENTICATION_CASES } from './cases/authentication';
import { DECRYPT_CASES } from './cases/decrypt';
import { ENCRYPT_CASES } from './cases/encrypt';
import { ERROR_CASES } from './cases/errors';
import { HEALTH_CASES } from './cases/health';
import { INTEGRITY_CASES } from './cases/integrity';
import { KEY_KIND_CASES } from './cases/key-kinds';
import { KEY_METADATA_CASES } from './cases/key-metadata';
import { PATH_CASES } from './cases/paths';
import { REQUEST_METADATA_CASES } from './cases/request-metadata';
import { SIZE_CASES } from './cases/sizes';
import { TIMING_CASES } from './cases/timing';
import { TRANSPORT_CASES } from './cases/transport';
import type { ProxyUnderTest } from './proxy-under-test';

/** Every check there is, in the order in which they are made. */
export const CASES: readonly Case[] = [
  ...TRANSPORT_CASES,
  ...HEALTH_CASES,
  ...KEY_METADATA_CASES,
  ...ENCRYPT_CASES,
  ...DECRYPT_CASES,
  ...INTEGRITY_CASES,
  ...SIZE_CASES,
  ...REQUEST_METADATA_CASES,
  ...AUTHENTICATION_CASES,
  ...PATH_CASES,
  ...ERROR_CASES,
  ...KEY_KIND_CASES,
  ...TIMING_CASES,
];

/** The checks that are due for a proxy: all but those that need what the command line did not name. */
export function casesFor(proxy: Pick<ProxyUnderTest, 'keys' | 'load'>): readonly Case[] {
  return CASES.filter(({ onlyWith }) => {
    if (onlyWith === undefined) return true;
    return onlyWith === 'load' ? proxy.load !== undefined : proxy.keys[onlyWith] !== undefined;
  });
}
