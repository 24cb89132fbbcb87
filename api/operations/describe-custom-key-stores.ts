import type {
  CustomKeyStoresListEntry,
  DescribeCustomKeyStoresRequest,
  DescribeCustomKeyStoresResponse,
  XksProxyConfigurationType,
} from '@aws-sdk/client-kms';
import { z } from 'zod';
import { findStoreByName, listStores } from '../../database/queries/custom-key-stores';
import type { CustomKeyStore, XksProxy } from '../../keystore/custom-key-store';
import { KmsException } from '../../keystore/kms-exceptions';
import type { PagePosition } from '../marker';
import { CustomKeyStoreId, CustomKeyStoreName, Limit, Marker } from '../members';
import type { Call, MembersOf } from '../operation';
import { defineOperation } from '../operation';
import { requireStore, storeNotFound } from './store-lookup';

/** Entries of a page when the caller does not say (D19). */
const DEFAULT_LIMIT = 100;

/** Describes one store, by id or by name, or all of the account's in pages (D19). */
export const describeCustomKeyStores = defineOperation<
  DescribeCustomKeyStoresRequest,
  DescribeCustomKeyStoresResponse
>()({
  name: 'DescribeCustomKeyStores',
  schema: z.object({
    CustomKeyStoreId: CustomKeyStoreId.optional(),
    CustomKeyStoreName: CustomKeyStoreName.optional(),
    Limit: Limit.optional(),
    Marker: Marker.optional(),
  } satisfies MembersOf<DescribeCustomKeyStoresRequest>),
  declaredErrors: ['CustomKeyStoreNotFoundException', 'InvalidMarkerException', 'KMSInternalException'],
  handler: async (input, call) => {
    const { CustomKeyStoreId: id, CustomKeyStoreName: name } = input;
    if (id !== undefined && name !== undefined) {
      throw new KmsException(
        'ValidationException',
        'Specify either CustomKeyStoreId or CustomKeyStoreName, not both.',
      );
    }
    const after = input.Marker === undefined ? undefined : readMarker(input.Marker, call);
    if (id !== undefined) return only(await requireStore(id, call));
    if (name !== undefined) {
      const store = await findStoreByName(call.services.database.pool, call.caller.accountId, name);
      if (!store) throw storeNotFound(`name ${name}`);
      return only(store);
    }
    return page(call, input.Limit ?? DEFAULT_LIMIT, after);
  },
});

function readMarker(marker: string, call: Call): PagePosition {
  const position = call.services.markers.read(call.caller.accountId, marker);
  if (!position) {
    throw new KmsException(
      'InvalidMarkerException',
      'The marker is not valid. Use the NextMarker of the answer before, unchanged.',
    );
  }
  return position;
}

function only(store: CustomKeyStore): DescribeCustomKeyStoresResponse {
  return { CustomKeyStores: [entry(store)], Truncated: false };
}

async function page(
  call: Call,
  limit: number,
  after: PagePosition | undefined,
): Promise<DescribeCustomKeyStoresResponse> {
  const { accountId } = call.caller;
  // One more than asked for tells whether there is more.
  const stores = await listStores(call.services.database.pool, accountId, {
    limit: limit + 1,
    ...(after && { after }),
  });
  const shown = stores.slice(0, limit);
  const last = shown.at(-1);
  const answer = { CustomKeyStores: shown.map(entry), Truncated: stores.length > limit };
  return answer.Truncated && last
    ? { ...answer, NextMarker: call.services.markers.write(accountId, last) }
    : answer;
}

/** The fields that `spec/kms.md` §7 shows. Never a password, never a secret access key. */
function entry(store: CustomKeyStore): CustomKeyStoresListEntry {
  return {
    CustomKeyStoreId: store.id,
    CustomKeyStoreName: store.name,
    CustomKeyStoreType: store.type,
    ...(store.type === 'AWS_CLOUDHSM'
      ? {
          CloudHsmClusterId: store.cloudHsmClusterId,
          TrustAnchorCertificate: store.trustAnchorCertificate,
        }
      : { XksProxyConfiguration: proxyConfiguration(store.xksProxy) }),
    ConnectionState: store.connectionState,
    ...(store.connectionErrorCode && { ConnectionErrorCode: store.connectionErrorCode }),
    CreationDate: store.createdAt,
  };
}

/** The owner of the service is shown, also where it was not given (D20). */
function proxyConfiguration(xksProxy: XksProxy): XksProxyConfigurationType {
  const { vpcEndpointService: service } = xksProxy;
  return {
    Connectivity: xksProxy.connectivity,
    AccessKeyId: xksProxy.accessKeyId,
    UriEndpoint: xksProxy.uriEndpoint,
    UriPath: xksProxy.uriPath,
    ...(service && { VpcEndpointServiceName: service.name, VpcEndpointServiceOwner: service.owner }),
  };
}
