import type { SecureContext, SecureContextOptions } from 'node:tls';
import { createSecureContext } from 'node:tls';
import type { TlsIdentity } from '../world/certificates';
import { makeAuthority, makeServerIdentity, simulatorAuthority } from '../world/proxy-certificates';
import type { World } from '../world/world';

/** What is peculiar about a host's TLS, if anything is. */
export type TlsPeculiarity =
  'expired-certificate' | 'wrong-host-certificate' | 'untrusted-certificate' | 'old-tls';

/** A name that is no proxy's. */
const OTHER_HOST = 'another-host.proxies.example';

const MODERN: SecureContextOptions = { minVersion: 'TLSv1.2' };
/** OpenSSL speaks these versions at its lowest security level only. */
const OLD: SecureContextOptions = {
  minVersion: 'TLSv1',
  maxVersion: 'TLSv1.1',
  ciphers: 'DEFAULT@SECLEVEL=0',
};

/** Key, certificate and versions by host, made when first needed and kept while the process runs. */
export class TlsContexts {
  private readonly contexts = new Map<string, Promise<SecureContext>>();

  constructor(private readonly world: World) {}

  of(host: string, peculiarity: TlsPeculiarity | undefined): Promise<SecureContext> {
    const name = `${host} ${peculiarity ?? ''}`;
    let making = this.contexts.get(name);
    if (making === undefined) {
      making = this.identity(host, peculiarity).then((identity) =>
        createSecureContext({ ...identity, ...(peculiarity === 'old-tls' ? OLD : MODERN) }),
      );
      this.contexts.set(name, making);
      making.catch(() => this.contexts.delete(name));
    }
    return making;
  }

  /** Forgets what a host had. */
  forget(host: string): void {
    for (const name of this.contexts.keys()) if (name.startsWith(`${host} `)) this.contexts.delete(name);
  }

  private async identity(host: string, peculiarity: TlsPeculiarity | undefined): Promise<TlsIdentity> {
    const authority =
      peculiarity === 'untrusted-certificate'
        ? await makeAuthority('A CA that nobody trusts')
        : await simulatorAuthority(this.world);
    return makeServerIdentity(
      peculiarity === 'wrong-host-certificate' ? OTHER_HOST : host,
      authority,
      peculiarity === 'expired-certificate' ? 'expired' : 'now',
    );
  }
}
