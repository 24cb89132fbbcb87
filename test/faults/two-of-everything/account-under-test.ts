import {
  ConnectCustomKeyStoreCommand,
  CreateCustomKeyStoreCommand,
  DeleteCustomKeyStoreCommand,
  DescribeCustomKeyStoresCommand,
  DisconnectCustomKeyStoreCommand,
  KMSClient,
  KMSServiceException,
  UpdateCustomKeyStoreCommand,
} from '@aws-sdk/client-kms';
import type { CreateCustomKeyStoreCommandInput, CustomKeyStoresListEntry } from '@aws-sdk/client-kms';
import type { KmsExceptionName } from '../../../keystore/kms-exceptions';
import { KMS_EXCEPTIONS } from '../../../keystore/kms-exceptions';
import type { Answer, Place, Request, SeenStore } from '../../harness/linearizability/account-model';
import type { Call } from '../../harness/linearizability/checker';
import type { SimulatedCluster, SimulatedProxy, SimulatorControl } from '../../harness/simulator-control';

/** A call, and by what its operation would be known in the database. */
export interface RecordedCall extends Call<Request, Answer> {
  requestId?: string;
}

/** The passwords and access key ids that calls give: the right one, and one that makes connects fail. */
const WRONG_PASSWORD = 'wrongPswd1';
const RIGHT_PASSWORD = 'kmsPswd1';
const WRONG_ACCESS_KEY_ID = 'WRONGWRONGWRONGWRONG';

/** An account with a cluster and a proxy, whose calls are written down. */
export class AccountUnderTest {
  readonly calls: RecordedCall[] = [];
  /** per place the id of the store that is there, and of those that were, as far as somebody heard of them */
  readonly ids: string[][] = [[], []];
  readonly places: readonly [Place, Place];
  readonly #clients: KMSClient[];

  private constructor(
    readonly accountId: string,
    urls: readonly string[],
    readonly cluster: SimulatedCluster,
    private readonly proxy: SimulatedProxy,
  ) {
    const isPublic = proxy.XksProxyVpcEndpointServiceName === undefined;
    this.places = [
      { id: cluster.ClusterId, type: 'AWS_CLOUDHSM' },
      {
        id: proxy.id,
        type: 'EXTERNAL_KEY_STORE',
        ...(isPublic && { acceptsOnly: proxy.AccessKeyId }),
      },
    ];
    this.#clients = urls.map(
      (endpoint) =>
        new KMSClient({
          endpoint,
          region: 'us-east-1',
          credentials: { accessKeyId: accountId, secretAccessKey: 'test' },
          // One call is one request: a repeat would take effect at a second moment.
          maxAttempts: 1,
        }),
    );
  }

  /** `urls`: of the KMS endpoints that take its calls. */
  static async make(
    accountId: string,
    urls: readonly string[],
    simulator: SimulatorControl,
    connectivity: 'PUBLIC_ENDPOINT' | 'VPC_ENDPOINT_SERVICE',
  ): Promise<AccountUnderTest> {
    const [cluster, proxy] = await Promise.all([
      simulator.createCluster({ accountId }),
      simulator.createProxy({ accountId, connectivity }),
    ]);
    return new AccountUnderTest(accountId, urls, cluster, proxy);
  }

  close(): void {
    for (const client of this.#clients) client.destroy();
  }

  /** What a store in this place is given, so that its connects succeed, or so that they fail. */
  secret(place: 0 | 1, right: boolean): string {
    if (place === 0) return right ? RIGHT_PASSWORD : WRONG_PASSWORD;
    return right ? this.proxy.AccessKeyId : WRONG_ACCESS_KEY_ID;
  }

  /** Makes a call through one of the endpoints and writes it down; an answer that is lost is written down as that. */
  async call(endpoint: number, request: Request): Promise<Answer | undefined> {
    const client = this.#clients[endpoint];
    if (!client) throw new Error(`no endpoint ${endpoint}`);
    const call: RecordedCall = { request, began: performance.now() };
    this.calls.push(call);
    try {
      const { answer, requestId } = await this.#send(client, request);
      call.end = { at: performance.now(), answer };
      if (requestId !== undefined) call.requestId = requestId;
      if (answer.kind === 'created' && request.operation === 'Create') {
        const ids = this.ids[this.places.findIndex(({ id }) => id === request.place.id)];
        if (ids && !ids.includes(answer.id)) ids.push(answer.id);
      }
      return answer;
    } catch (error) {
      const refused = refusal(error);
      if (refused) call.end = { at: performance.now(), answer: refused };
      return refused;
    }
  }

  async #send(
    client: KMSClient,
    request: Request,
  ): Promise<{ answer: Answer; requestId?: string | undefined }> {
    const done = ({ $metadata }: { $metadata: { requestId?: string | undefined } }) => ({
      answer: { kind: 'done' } as const,
      requestId: $metadata.requestId,
    });
    switch (request.operation) {
      case 'Create': {
        const { CustomKeyStoreId: id = '' } = await client.send(
          new CreateCustomKeyStoreCommand(this.#createInput(request)),
        );
        return { answer: { kind: 'created', id } };
      }
      case 'Connect':
        return done(await client.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId: request.id })));
      case 'Disconnect':
        return done(await client.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId: request.id })));
      case 'Delete':
        return done(await client.send(new DeleteCustomKeyStoreCommand({ CustomKeyStoreId: request.id })));
      case 'Update':
        return done(
          await client.send(
            new UpdateCustomKeyStoreCommand({
              CustomKeyStoreId: request.id,
              NewCustomKeyStoreName: request.name,
              ...(request.secret !== undefined &&
                this.#secretMember(this.#placeOf(request.id), request.secret)),
            }),
          ),
        );
      case 'Describe': {
        const { CustomKeyStores = [] } = await client.send(
          new DescribeCustomKeyStoresCommand({
            ...('id' in request && { CustomKeyStoreId: request.id }),
            ...('name' in request && { CustomKeyStoreName: request.name }),
          }),
        );
        return { answer: { kind: 'seen', stores: CustomKeyStores.map(toSeen) } };
      }
    }
  }

  #placeOf(id: string): 0 | 1 {
    return this.ids[0]?.includes(id) === true ? 0 : 1;
  }

  #secretMember(place: 0 | 1, secret: string): object {
    if (place === 0) return { KeyStorePassword: secret };
    const { RawSecretAccessKey } = this.proxy;
    return { XksProxyAuthenticationCredential: { AccessKeyId: secret, RawSecretAccessKey } };
  }

  #createInput({
    name,
    place,
    secret,
  }: Extract<Request, { operation: 'Create' }>): CreateCustomKeyStoreCommandInput {
    const CustomKeyStoreName = name;
    if (place.type === 'AWS_CLOUDHSM') {
      const { ClusterId: CloudHsmClusterId, TrustAnchorCertificate } = this.cluster;
      return {
        CustomKeyStoreName,
        CloudHsmClusterId,
        TrustAnchorCertificate,
        ...this.#secretMember(0, secret),
      };
    }
    const service = this.proxy.XksProxyVpcEndpointServiceName;
    return {
      CustomKeyStoreName,
      CustomKeyStoreType: 'EXTERNAL_KEY_STORE',
      XksProxyConnectivity: service === undefined ? 'PUBLIC_ENDPOINT' : 'VPC_ENDPOINT_SERVICE',
      XksProxyUriEndpoint: this.proxy.XksProxyUriEndpoint,
      XksProxyUriPath: this.proxy.XksProxyUriPath,
      XksProxyVpcEndpointServiceName: service,
      ...this.#secretMember(1, secret),
    };
  }
}

function toSeen(entry: CustomKeyStoresListEntry): SeenStore {
  const { ConnectionErrorCode: code, XksProxyConfiguration: proxy } = entry;
  return {
    id: entry.CustomKeyStoreId ?? '',
    name: entry.CustomKeyStoreName ?? '',
    type: entry.CustomKeyStoreType as Place['type'],
    connectionState: entry.ConnectionState as SeenStore['connectionState'],
    ...(code !== undefined && { connectionErrorCode: code }),
    ...(proxy?.AccessKeyId !== undefined && { accessKeyId: proxy.AccessKeyId }),
  };
}

/** Whether an error is an answer; a fault of the server's own says nothing of what it did. */
function refusal(error: unknown): Answer | undefined {
  if (!(error instanceof KMSServiceException) || error.$fault !== 'client') return undefined;
  if (!(error.name in KMS_EXCEPTIONS)) throw error;
  return { kind: 'refused', by: error.name as KmsExceptionName };
}
