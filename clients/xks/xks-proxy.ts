import type { Logger } from 'pino';
import { createAuthorities } from './authorities';
import { decrypt } from './decrypt';
import type { DecryptAnswer, DecryptRequest } from './decrypt';
import { encrypt } from './encrypt';
import type { EncryptAnswer, EncryptRequest } from './encrypt';
import { getHealthStatus } from './get-health-status';
import type { HealthStatus, HealthStatusRequest } from './get-health-status';
import { getKeyMetadata } from './get-key-metadata';
import type { KeyMetadata, KeyMetadataRequest } from './get-key-metadata';
import { createProxyCaller } from './proxy-call';
import type { ProxyCallOptions, ProxyTarget } from './proxy-target';
import { signProxyRequest } from './sign';
import type { Resolve } from './resolve-name';
import type { ConnectToRule } from './route';

/**
 * The KMS side of the external key store proxy API (`spec/xks.md` §1, §2). Every method throws ProxyCallFailed, whose
 * outcome tells how the call ended, or the reason of a cancelled signal.
 */
export interface XksProxyClient {
  /** Judges only the form of the answer; that no external key manager is available is the business of `probeProxy`. */
  getHealthStatus(
    target: ProxyTarget,
    request: HealthStatusRequest,
    options?: ProxyCallOptions,
  ): Promise<HealthStatus>;
  /** @param keyId the external key's id (XksKeyId) */
  getKeyMetadata(
    target: ProxyTarget,
    keyId: string,
    request: KeyMetadataRequest,
    options?: ProxyCallOptions,
  ): Promise<KeyMetadata>;
  /** Checks lengths and the data integrity value: what does not fit is `malformed-response`. */
  encrypt(
    target: ProxyTarget,
    keyId: string,
    request: EncryptRequest,
    options?: ProxyCallOptions,
  ): Promise<EncryptAnswer>;
  decrypt(
    target: ProxyTarget,
    keyId: string,
    request: DecryptRequest,
    options?: ProxyCallOptions,
  ): Promise<DecryptAnswer>;
  /**
   * Does beforehand what the first call would otherwise do within its 250 ms: asks whom to trust, reads some 150 CAs, and
   * signs once. Never rejects.
   */
  warmUp(): Promise<void>;
  /** Closes the pooled connections. */
  close(): void;
}

/** Where proxies are and whom of them to trust. */
export interface XksProxyClientConfig {
  /** the Region in the signature's scope */
  region: string;
  /** PEM bundle: the only CAs that are trusted, beside `extraCa` and the simulator's. Default: the public CAs */
  ca?: string;
  /** PEM bundle: trusted as well, whatever `ca` says */
  extraCa?: string;
  /** as curl's `--connect-to`: requests for `from` go to `to`, with Host header, SNI and signature of `from` */
  connectTo?: readonly ConnectToRule[];
  /** the simulated world: names of its proxies lead where it says, and its CA is trusted as well */
  simulatorUrl?: string;
  /** PEM; shown to proxies that ask for one (mutual TLS) */
  clientCertificate?: { cert: string; key: string };
  /** milliseconds for one try, unless the call says otherwise; default 250 */
  timeoutMs?: number;
  /** all IPv4 addresses of a name; rejects where there are none. Default: the system's resolver */
  resolve?: Resolve;
  logger?: Logger;
}

/** A simulator that does not answer is asked again by the first call. */
const WARM_UP_MS = 5_000;
const REHEARSAL = { host: 'localhost', path: '/kms/xks/v1/health', body: '{}' };

/** A client of external key store proxies. It keeps connections, so a process has one. */
export function createXksProxyClient(config: XksProxyClientConfig): XksProxyClient {
  const authorities = createAuthorities(config);
  const caller = createProxyCaller(config, authorities);
  return {
    getHealthStatus: (target, request, options) => getHealthStatus(caller.call, target, request, options),
    getKeyMetadata: (target, keyId, request, options) =>
      getKeyMetadata(caller.call, target, keyId, request, options),
    encrypt: (target, keyId, request, options) => encrypt(caller.call, target, keyId, request, options),
    decrypt: (target, keyId, request, options) => decrypt(caller.call, target, keyId, request, options),
    async warmUp() {
      await Promise.allSettled([
        authorities.context(AbortSignal.timeout(WARM_UP_MS)),
        signProxyRequest(REHEARSAL, { accessKeyId: '', rawSecretAccessKey: '' }, config.region, new Date()),
      ]);
    },
    close: () => caller.close(),
  };
}
