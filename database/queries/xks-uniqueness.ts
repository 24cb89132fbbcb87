import type { XksProxy } from '../../keystore/custom-key-store';
import { proxyHost } from '../../keystore/naming';
import type { Queryable } from '../database';
import type { StoreConflict } from './store-conflict';

/** A store as it shall be, or is about to be. */
interface ProxyOfStore {
  id: string;
  accountId: string;
  xksProxy: XksProxy;
}

/**
 * Makes every other transaction that writes this host wait: that no public store uses the endpoint of a store behind
 * an endpoint service is a rule about two rows, which no index holds. Call it before `xksConflict` and the write.
 */
export async function lockXksHost(tx: Queryable, xksProxy: XksProxy): Promise<void> {
  await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('proxy host ' || $1, 0))`, [
    proxyHost(xksProxy.uriEndpoint),
  ]);
}

/** What another store has already, as `xksConflictSelect` finds it; null where nobody uses host or service. */
export interface TakenOfProxy {
  uri: boolean | null;
  endpoint: boolean | null;
  service: boolean | null;
}

/** The statement that finds it, for the six values of `xksConflictValues` from the parameter `$first` on. */
export function xksConflictSelect(first: number): string {
  const [id, account, host, path, connectivity, service] = [0, 1, 2, 3, 4, 5].map((n) => `$${first + n}`);
  return `SELECT
       bool_or(account_id = ${account} AND xks_host = ${host} AND xks_uri_path = ${path}) AS uri,
       bool_or(xks_host = ${host} AND 'VPC_ENDPOINT_SERVICE' IN (xks_connectivity, ${connectivity})) AS endpoint,
       bool_or(xks_vpc_endpoint_service_name = ${service}) AS service
     FROM custom_key_stores WHERE (xks_host = ${host} OR xks_vpc_endpoint_service_name = ${service}) AND id <> ${id}`;
}

export function xksConflictValues({ id, accountId, xksProxy }: ProxyOfStore): unknown[] {
  return [
    id,
    accountId,
    proxyHost(xksProxy.uriEndpoint),
    xksProxy.uriPath,
    xksProxy.connectivity,
    xksProxy.vpcEndpointService?.name ?? null,
  ];
}

/** The first of them, in the order of the exceptions. */
export function toXksConflict(taken: TakenOfProxy | null | undefined): StoreConflict | undefined {
  if (taken?.uri) return 'xks-uri-in-use';
  if (taken?.endpoint) return 'xks-endpoint-in-use';
  if (taken?.service) return 'xks-service-in-use';
  return undefined;
}

/** What another store has already of what must be one store's alone (D32), or undefined. */
export async function xksConflict(db: Queryable, store: ProxyOfStore): Promise<StoreConflict | undefined> {
  const { rows } = await db.query<TakenOfProxy>(xksConflictSelect(1), xksConflictValues(store));
  return toXksConflict(rows[0]);
}
