import type { XksProxy } from '../../keystore/custom-key-store';
import type { Database, Queryable } from '../database';
import { inTransaction } from '../database';
import type { SecretBox } from '../secret-box';
import type { StoreVersion } from './custom-key-stores';
import { replaceGivenPassword } from './kmsuser-passwords';
import { ensureMasterKeyInForce } from './master-keys';
import { conflictOf } from './store-conflict';
import type { StoreConflict } from './store-conflict';
import { replaceXksCredential } from './xks-credentials';
import { lockXksHost, xksConflict } from './xks-uniqueness';

/** What Update may change of a store; of each type only its own members. */
export interface StoreChanges {
  name?: string;
  /** of a CloudHSM key store, with `clusterCertificateFingerprint` */
  cloudHsmClusterId?: string;
  clusterCertificateFingerprint?: string;
  /** of a CloudHSM key store: replaces the current password and drops a pending one (D35) */
  keyStorePassword?: string;
  /** of an external key store: all of it as it shall be */
  xksProxy?: XksProxy;
  /** of an external key store, with `xksProxy.accessKeyId` */
  rawSecretAccessKey?: string;
}

/** Changes a store if it is still as it was read; all or nothing (D10). */
export async function updateStore(
  database: Database,
  store: StoreVersion,
  changes: StoreChanges,
  secrets: SecretBox,
): Promise<'updated' | 'row-changed' | StoreConflict> {
  try {
    return await inTransaction(database, async (tx) => {
      const { xksProxy } = changes;
      if (xksProxy) {
        await lockXksHost(tx, xksProxy);
        const conflict = await xksConflict(tx, { id: store.id, accountId: store.accountId, xksProxy });
        if (conflict) return conflict;
      }
      if (changes.keyStorePassword !== undefined) await ensureMasterKeyInForce(tx, secrets);
      const { rowCount } = await tx.query(
        `UPDATE custom_key_stores SET
           name = coalesce($4, name),
           cloud_hsm_cluster_id = coalesce($5, cloud_hsm_cluster_id),
           given_password_hash = coalesce($6, given_password_hash),
           cluster_certificate_fingerprint = coalesce($7, cluster_certificate_fingerprint),
           row_version = row_version + 1
         WHERE id = $1 AND account_id = $2 AND row_version = $3`,
        [
          store.id,
          store.accountId,
          store.rowVersion,
          changes.name ?? null,
          changes.cloudHsmClusterId ?? null,
          changes.keyStorePassword === undefined ? null : secrets.hash(store.id, changes.keyStorePassword),
          changes.clusterCertificateFingerprint ?? null,
        ],
      );
      if (rowCount === 0) return 'row-changed';
      if (xksProxy) await writeProxy(tx, store.id, xksProxy);
      await replaceSecrets(tx, store.id, changes, secrets);
      return 'updated';
    });
  } catch (error) {
    const conflict = conflictOf(error);
    if (conflict) return conflict;
    throw error;
  }
}

async function writeProxy(tx: Queryable, storeId: string, xksProxy: XksProxy): Promise<void> {
  await tx.query(
    `UPDATE custom_key_stores SET xks_connectivity = $2, xks_uri_endpoint = $3, xks_uri_path = $4,
       xks_access_key_id = $5, xks_vpc_endpoint_service_name = $6, xks_vpc_endpoint_service_owner = $7
     WHERE id = $1`,
    [
      storeId,
      xksProxy.connectivity,
      xksProxy.uriEndpoint,
      xksProxy.uriPath,
      xksProxy.accessKeyId,
      xksProxy.vpcEndpointService?.name ?? null,
      xksProxy.vpcEndpointService?.owner ?? null,
    ],
  );
}

async function replaceSecrets(
  tx: Queryable,
  storeId: string,
  changes: StoreChanges,
  secrets: SecretBox,
): Promise<void> {
  const { keyStorePassword, xksProxy, rawSecretAccessKey } = changes;
  if (keyStorePassword !== undefined) await replaceGivenPassword(tx, secrets, storeId, keyStorePassword);
  if (xksProxy && rawSecretAccessKey !== undefined) {
    await replaceXksCredential(tx, secrets, storeId, {
      accessKeyId: xksProxy.accessKeyId,
      rawSecretAccessKey,
    });
  }
}
