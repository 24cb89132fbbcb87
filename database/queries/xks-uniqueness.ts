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

/** What another store has already of what must be one store's alone (D32), or undefined. */
export async function xksConflict(
  db: Queryable,
  { id, accountId, xksProxy }: ProxyOfStore,
): Promise<StoreConflict | undefined> {
  const { rows } = await db.query<{ uri: boolean | null; endpoint: boolean | null; service: boolean | null }>(
    `SELECT
       bool_or(account_id = $2 AND xks_host = $3 AND xks_uri_path = $4) AS uri,
       bool_or(xks_host = $3 AND 'VPC_ENDPOINT_SERVICE' IN (xks_connectivity, $5)) AS endpoint,
       bool_or(xks_vpc_endpoint_service_name = $6) AS service
     FROM custom_key_stores WHERE (xks_host = $3 OR xks_vpc_endpoint_service_name = $6) AND id <> $1`,
    [
      id,
      accountId,
      proxyHost(xksProxy.uriEndpoint),
      xksProxy.uriPath,
      xksProxy.connectivity,
      xksProxy.vpcEndpointService?.name ?? null,
    ],
  );
  const taken = rows[0];
  if (taken?.uri) return 'xks-uri-in-use';
  if (taken?.endpoint) return 'xks-endpoint-in-use';
  if (taken?.service) return 'xks-service-in-use';
  return undefined;
}
