import { timingSafeEqual } from 'node:crypto';
import type { XksProxy } from '../../keystore/custom-key-store';
import type { Database, Queryable } from '../database';
import { inTransaction } from '../database';
import type { SecretBox } from '../secret-box';
import { replaceGivenPassword } from './kmsuser-passwords';
import { ensureMasterKeyInForce } from './master-keys';
import { conflictOf } from './store-conflict';
import type { StoreConflict } from './store-conflict';
import { replaceXksCredential } from './xks-credentials';
import { lockXksHost, toXksConflict, xksConflictSelect, xksConflictValues } from './xks-uniqueness';
import type { TakenOfProxy } from './xks-uniqueness';

interface CandidateCommon {
  id: string;
  accountId: string;
  name: string;
}

/** A CloudHSM key store as Create was asked for it. */
export interface CloudHsmCandidate extends CandidateCommon {
  type: 'AWS_CLOUDHSM';
  cloudHsmClusterId: string;
  trustAnchorCertificate: string;
  keyStorePassword: string;
}

/** An external key store as Create was asked for it. */
export interface ExternalCandidate extends CandidateCommon {
  type: 'EXTERNAL_KEY_STORE';
  xksProxy: XksProxy;
  rawSecretAccessKey: string;
}

/** What Create was asked for. */
export type StoreCandidate = CloudHsmCandidate | ExternalCandidate;

/** What Create has found out, to write it down. */
export type ExaminedCandidate =
  (CloudHsmCandidate & { clusterCertificateFingerprint: string }) | ExternalCandidate;

/** What the database has to say to a candidate, in the order of D5. */
export type CandidateVerdict =
  | { kind: 'free' }
  /** all values equal to a DISCONNECTED CloudHSM key store: its id is the answer (D11) */
  | { kind: 'replay'; id: string }
  | { kind: 'quota-exceeded' }
  | { kind: StoreConflict };

/** Looks whether a candidate could be created, without creating it: what Create checks before it looks outside. */
export async function checkNewStore(
  db: Queryable,
  candidate: StoreCandidate,
  quota: number,
  secrets: SecretBox,
): Promise<CandidateVerdict> {
  await ensureMasterKeyInForce(db, secrets);
  const account = await lookAtAccount(db, candidate);
  const { twin } = account;
  if (twin) return isReplay(twin, candidate, secrets) ? { kind: 'replay', id: twin.id } : NAME_IN_USE;
  if (account.stores >= quota) return { kind: 'quota-exceeded' };
  if (account.clusterInUse) return { kind: 'cluster-in-use' };
  return { kind: account.xksConflict ?? 'free' };
}

const NAME_IN_USE = { kind: 'name-in-use' } as const;

/** The store that has the candidate's name. */
interface Twin {
  id: string;
  /** a DISCONNECTED CloudHSM key store with the candidate's cluster and trust anchor */
  equal: boolean;
  /** of its password as given, hex */
  hash: string | null;
}

async function lookAtAccount(
  db: Queryable,
  candidate: StoreCandidate,
): Promise<{
  stores: number;
  clusterInUse: boolean;
  twin: Twin | null;
  xksConflict: StoreConflict | undefined;
}> {
  const cloudHsm = candidate.type === 'AWS_CLOUDHSM' ? candidate : undefined;
  // One statement, so that a Create of the same values at the same moment is seen wholly or not at all: where its proxy
  // is in use, its name is.
  const external = candidate.type === 'EXTERNAL_KEY_STORE' ? candidate : undefined;
  const { rows } = await db.query<{
    stores: number;
    cluster_in_use: boolean;
    twin: Twin | null;
    taken: TakenOfProxy | null;
  }>(
    `SELECT count(*)::int AS stores,
       coalesce(bool_or(cloud_hsm_cluster_id = $2), false) AS cluster_in_use,
       (array_agg(json_build_object(
          'id', id,
          'equal', type = 'AWS_CLOUDHSM' AND connection_state = 'DISCONNECTED' AND cloud_hsm_cluster_id = $2
                   AND trust_anchor_certificate = $3,
          'hash', encode(given_password_hash, 'hex')
        )) FILTER (WHERE name = $4))[1] AS twin,
       ${external ? `(SELECT row_to_json(proxy) FROM (${xksConflictSelect(5)}) proxy)` : 'NULL'} AS taken
     FROM custom_key_stores WHERE account_id = $1`,
    [
      candidate.accountId,
      cloudHsm?.cloudHsmClusterId ?? null,
      cloudHsm?.trustAnchorCertificate ?? null,
      candidate.name,
      ...(external ? xksConflictValues(external) : []),
    ],
  );
  const { stores = 0, cluster_in_use: clusterInUse = false, twin = null, taken = null } = rows[0] ?? {};
  return { stores, clusterInUse, twin, xksConflict: toXksConflict(taken) };
}

function isReplay(twin: Twin, candidate: StoreCandidate, secrets: SecretBox): boolean {
  if (candidate.type !== 'AWS_CLOUDHSM' || !twin.equal || twin.hash === null) return false;
  return timingSafeEqual(Buffer.from(twin.hash, 'hex'), secrets.hash(twin.id, candidate.keyStorePassword));
}

/**
 * Creates a DISCONNECTED store and its secret, or says why not. The account is locked meanwhile, so that two
 * Creates at once cannot both take the last place of the quota (D5). Everything is checked again under the lock.
 */
export async function createStore(
  database: Database,
  candidate: ExaminedCandidate,
  quota: number,
  secrets: SecretBox,
): Promise<Exclude<CandidateVerdict, { kind: 'free' }> | { kind: 'created'; id: string }> {
  try {
    return await inTransaction(database, async (tx) => {
      await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('custom key stores of ' || $1, 0))`, [
        candidate.accountId,
      ]);
      if (candidate.type === 'EXTERNAL_KEY_STORE') await lockXksHost(tx, candidate.xksProxy);
      const verdict = await checkNewStore(tx, candidate, quota, secrets);
      if (verdict.kind !== 'free') return verdict;
      if (candidate.type === 'AWS_CLOUDHSM') await insertCloudHsm(tx, candidate, secrets);
      else await insertExternal(tx, candidate, secrets);
      return { kind: 'created', id: candidate.id };
    });
  } catch (error) {
    const conflict = conflictOf(error);
    if (conflict) return { kind: conflict };
    throw error;
  }
}

async function insertCloudHsm(
  tx: Queryable,
  candidate: CloudHsmCandidate & { clusterCertificateFingerprint: string },
  secrets: SecretBox,
): Promise<void> {
  await tx.query(
    `INSERT INTO custom_key_stores (id, account_id, name, type, cloud_hsm_cluster_id, trust_anchor_certificate,
       cluster_certificate_fingerprint, given_password_hash)
     VALUES ($1, $2, $3, 'AWS_CLOUDHSM', $4, $5, $6, $7)`,
    [
      candidate.id,
      candidate.accountId,
      candidate.name,
      candidate.cloudHsmClusterId,
      candidate.trustAnchorCertificate,
      candidate.clusterCertificateFingerprint,
      secrets.hash(candidate.id, candidate.keyStorePassword),
    ],
  );
  await replaceGivenPassword(tx, secrets, candidate.id, candidate.keyStorePassword);
}

async function insertExternal(
  tx: Queryable,
  candidate: ExternalCandidate,
  secrets: SecretBox,
): Promise<void> {
  const { xksProxy } = candidate;
  await tx.query(
    `INSERT INTO custom_key_stores (id, account_id, name, type, xks_connectivity, xks_uri_endpoint, xks_uri_path,
       xks_access_key_id, xks_vpc_endpoint_service_name, xks_vpc_endpoint_service_owner)
     VALUES ($1, $2, $3, 'EXTERNAL_KEY_STORE', $4, $5, $6, $7, $8, $9)`,
    [
      candidate.id,
      candidate.accountId,
      candidate.name,
      xksProxy.connectivity,
      xksProxy.uriEndpoint,
      xksProxy.uriPath,
      xksProxy.accessKeyId,
      xksProxy.vpcEndpointService?.name ?? null,
      xksProxy.vpcEndpointService?.owner ?? null,
    ],
  );
  await replaceXksCredential(tx, secrets, candidate.id, {
    accessKeyId: xksProxy.accessKeyId,
    rawSecretAccessKey: candidate.rawSecretAccessKey,
  });
}
