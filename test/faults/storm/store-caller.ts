import {
  ConnectCustomKeyStoreCommand,
  CreateCustomKeyStoreCommand,
  DeleteCustomKeyStoreCommand,
  DescribeCustomKeyStoresCommand,
  DisconnectCustomKeyStoreCommand,
  UpdateCustomKeyStoreCommand,
} from '@aws-sdk/client-kms';
import type {
  CustomKeyStoresListEntry,
  KMSClient,
  UpdateCustomKeyStoreCommandInput,
} from '@aws-sdk/client-kms';
import { setTimeout as pause } from 'node:timers/promises';
import { callOnce, clientsOf } from './calls';
import type { Answer, AnswerCounts, CallRequest, SeenStore, StoreCall } from './calls';
import { Happenings } from './happenings';
import { MEDDLINGS } from './meddlings';
import type { Behind, Meddling } from './meddlings';
import type { StorePlan, StoreStep } from './plan';
import type { SimulatedWorld } from './simulated-world';
import type { StormLog } from './storm-log';

/** What all callers share. */
export interface CallerWorld {
  world: SimulatedWorld;
  kmsUrls: string[];
  happenings: Happenings;
  counts: AnswerCounts;
  log: StormLog;
}

/** The given-up limit of whatever a caller waits for: then it goes on with its plan, and the end of the storm tells. */
const WAIT_LIMIT_MS = 120_000;
/** Until an API that thawed has done what lay there. */
const CATCH_UP_MS = 2_000;
const TRANSITIONAL = ['CONNECTING', 'DISCONNECTING'];

/**
 * The customer of one store: follows the plan's steps one after the other, remembers every answer, and can tell at any
 * time what was done to the world behind the store. A store that was made anew has another id; all of them are kept.
 */
export class StoreCaller {
  /** every id that the store had, the present one last */
  readonly ids: string[] = [];
  readonly calls: StoreCall[] = [];
  /** passwords and secrets that were given: none of them may be read anywhere */
  readonly secrets: string[] = [];
  behind!: Behind;
  /** what was done to the world and not made good yet */
  meddled: { name: string; meddling: Meddling; end(): void } | undefined;
  stopped = false;
  readonly #plan: StorePlan;
  readonly #shared: CallerWorld;
  readonly #clients: KMSClient[];
  #turn = 0;
  #names = 0;
  #queue: Promise<unknown> = Promise.resolve();
  #passwords = 0;

  constructor(plan: StorePlan, shared: CallerWorld) {
    this.#plan = plan;
    this.#shared = shared;
    this.#clients = clientsOf(plan.accountId, shared.kmsUrls);
  }

  get accountId(): string {
    return this.#plan.accountId;
  }

  get kind(): StorePlan['kind'] {
    return this.#plan.kind;
  }

  get label(): string {
    return `store ${this.#plan.index} (${this.#plan.kind})`;
  }

  get storeId(): string {
    return this.ids.at(-1) ?? '';
  }

  /** The cluster behind the store, where there is one. */
  get clusterId(): string | undefined {
    // Nothing is behind it before it is made.
    const behind = this.behind as Behind | undefined;
    return behind && 'cluster' in behind ? behind.cluster.ClusterId : undefined;
  }

  /** Makes what stands behind the store, and the store. */
  async create(): Promise<void> {
    const { accountId, kind } = this.#plan;
    this.behind = await this.#shared.world.ask<Behind>(async (control) =>
      kind === 'cloudhsm'
        ? { cluster: await control.createCluster({ accountId, kmsuserPassword: this.#newPassword() }) }
        : {
            proxy: await control.createProxy({
              accountId,
              connectivity: kind === 'vpc' ? 'VPC_ENDPOINT_SERVICE' : 'PUBLIC_ENDPOINT',
            }),
          },
    );
    if ('proxy' in this.behind) this.secrets.push(this.behind.proxy.RawSecretAccessKey);
    await this.#createStore();
  }

  /** Follows the steps until the storm is over. */
  async follow(steps: Generator<StoreStep, never>): Promise<void> {
    while (!this.stopped) {
      const step = steps.next().value;
      await pause(step.pauseMs);
      if (this.stopped) return;
      await this.alone(() => this.#take(step));
    }
  }

  /** Runs something while nothing else is asked of the store. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#queue.then(work);
    this.#queue = mine.catch(() => undefined);
    return mine;
  }

  async #take(step: StoreStep): Promise<void> {
    switch (step.act) {
      case 'connect':
      case 'disconnect':
        await this.call(step.act);
        return;
      case 'burst':
        await Promise.all([
          this.call(step.first),
          this.call(step.first === 'connect' ? 'disconnect' : 'connect'),
        ]);
        return;
      case 'describe':
        await this.state();
        return;
      case 'settle':
        await this.untilState((state) => !TRANSITIONAL.includes(state), 20_000);
        return;
      case 'rename':
        await this.#update({ NewCustomKeyStoreName: this.#nextName() });
        return;
      case 'renew-secret':
        return this.renewSecret();
      case 'recreate':
        return this.#recreate();
      case 'meddle':
        return this.#meddle(step.meddling);
      case 'heal':
        return this.heal();
    }
  }

  /** One call of Connect or Disconnect. */
  async call(kind: 'connect' | 'disconnect'): Promise<Answer<unknown>> {
    const CustomKeyStoreId = this.storeId;
    const answer =
      kind === 'connect'
        ? await this.#ask('Connect', (client, options) =>
            client.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId }), options),
          )
        : await this.#ask('Disconnect', (client, options) =>
            client.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId }), options),
          );
    this.#note(kind, answer);
    return answer;
  }

  /** Makes one call of the store, or of `storeId`, through one of the APIs, and remembers what was answered, and when. */
  async #ask<
    T extends { $metadata: { requestId?: string }; CustomKeyStores?: CustomKeyStoresListEntry[] | undefined },
  >(
    request: CallRequest,
    send: (client: KMSClient, options: { abortSignal: AbortSignal }) => Promise<T>,
    storeId = this.storeId,
  ): Promise<Answer<T>> {
    const client = this.#client();
    const from = Date.now();
    const answer = await callOnce((options) => send(client, options));
    const { accountId } = this.#plan;
    this.calls.push({
      request,
      storeId,
      accountId,
      from,
      to: Date.now(),
      answer: withoutValue(answer),
      ...(answer.outcome === 'accepted' && { seen: seenIn(answer.value) }),
    });
    return answer;
  }

  async describe(): Promise<CustomKeyStoresListEntry | undefined> {
    const CustomKeyStoreId = this.storeId;
    const answer = await this.#ask('Describe', (client, options) =>
      client.send(new DescribeCustomKeyStoresCommand({ CustomKeyStoreId }), options),
    );
    this.#shared.counts.add('describe', answer);
    return answer.outcome === 'accepted' ? answer.value.CustomKeyStores?.[0] : undefined;
  }

  async state(): Promise<string | undefined> {
    return (await this.describe())?.ConnectionState;
  }

  /** Waits for a state; false where it did not come. */
  async untilState(good: (state: string) => boolean, limitMs = WAIT_LIMIT_MS): Promise<boolean> {
    for (const until = Date.now() + limitMs; Date.now() < until;) {
      const state = await this.state();
      if (state !== undefined && good(state)) return true;
      await pause(150);
    }
    return false;
  }

  /** Brings the store to DISCONNECTED, whatever it takes; false where that did not come. */
  async disconnected(limitMs = WAIT_LIMIT_MS): Promise<boolean> {
    for (const until = Date.now() + limitMs; Date.now() < until;) {
      const state = await this.state();
      if (state === 'DISCONNECTED') return true;
      if (state !== undefined && state !== 'DISCONNECTING') await this.call('disconnect');
      await pause(150);
    }
    return false;
  }

  /** Asks for a connect until one is accepted; false where none was. */
  async connected(limitMs = WAIT_LIMIT_MS): Promise<boolean> {
    for (const until = Date.now() + limitMs; Date.now() < until;) {
      const { outcome } = await this.call('connect');
      // Refused: an earlier one whose answer was lost has failed already.
      if (outcome === 'accepted' || (await this.state()) === 'FAILED') return true;
      await pause(300);
    }
    return false;
  }

  /** The subnet that somebody deleted under the store, which took the interface in it along. */
  get deletedSubnet(): string | undefined {
    if (this.meddled?.name !== 'subnet deleted' || !('cluster' in this.behind)) return undefined;
    return this.behind.cluster.SubnetIds[0];
  }

  /** Makes good what was done to the world. */
  async heal(): Promise<void> {
    if (!this.meddled) return;
    const { meddling, end, name } = this.meddled;
    if (meddling.heal === 'new-secret') {
      if (!(await this.#newSecret())) return;
    } else if (meddling.heal === 'new-store') {
      if (!(await this.#replace())) return;
    } else {
      const { undo } = meddling.heal;
      await this.#shared.world.ask((control) => undo(control, this.behind));
    }
    end();
    this.meddled = undefined;
    this.#say(`made good: ${name}`);
  }

  async #meddle(name: string): Promise<void> {
    const meddling = MEDDLINGS[name];
    if (!meddling || this.meddled) return;
    const { end } = Happenings.begin(this.#shared.happenings.meddled, {
      what: name,
      accountId: this.#plan.accountId,
      codes: meddling.codes,
      byHand: true,
    });
    this.meddled = { name, meddling, end };
    this.#say(`MEDDLED: ${name}`);
    await this.#shared.world.ask((control) => meddling.apply(control, this.behind));
  }

  /** A new secret, agreed between the world and the store as a customer would do it. */
  async renewSecret(): Promise<void> {
    if (this.meddled) return;
    const { end } = Happenings.begin(this.#shared.happenings.meddled, {
      what: 'secret renewed',
      accountId: this.#plan.accountId,
      codes: ['INVALID_CREDENTIALS'],
      byHand: false,
    });
    const done = await this.#newSecret();
    if (done) end();
    // The world has it and the store does not: that stays a cause until it is made good.
    else this.meddled = { name: 'secret renewed', meddling: RENEWED, end };
  }

  async #newSecret(): Promise<boolean> {
    if ('proxy' in this.behind) return this.#newProxySecret(this.behind.proxy.id);
    const { ClusterId } = this.behind.cluster;
    const password = this.#newPassword();
    for (const until = Date.now() + WAIT_LIMIT_MS; Date.now() < until;) {
      if (!(await this.disconnected())) return false;
      await this.#shared.world.ask((control) => control.patchCluster(ClusterId, { kmsuser: { password } }));
      const answer = await this.#update({ KeyStorePassword: password });
      if (answer.outcome === 'accepted') return true;
      await this.#untilNotLate(answer);
    }
    return false;
  }

  /**
   * Waits until a call whose answer was lost takes effect no more: one that lies in a frozen API, or its write in a frozen
   * PostgreSQL, would else give the store an old secret after a newer one.
   */
  async #untilNotLate({ outcome }: Answer<unknown>): Promise<void> {
    await pause(300);
    if (outcome !== 'unknown') return;
    const frozen = (): boolean =>
      this.#shared.happenings.processFaults.some(
        ({ how, victim, to }) =>
          how === 'freeze' && to === undefined && ['api', 'second-api', 'postgres'].includes(victim),
      );
    for (const until = Date.now() + WAIT_LIMIT_MS; frozen() && Date.now() < until;) await pause(150);
    await pause(CATCH_UP_MS);
  }

  async #newProxySecret(id: string): Promise<boolean> {
    if (!('proxy' in this.behind)) return false;
    const { AccessKeyId } = this.behind.proxy;
    const RawSecretAccessKey =
      `canary${String(this.#passwords++).padStart(4, '0')}${this.#plan.accountId}${'A'.repeat(22)}`.slice(
        0,
        44,
      );
    this.secrets.push(RawSecretAccessKey);
    await this.#shared.world.ask((control) =>
      control.patchProxy(id, { RawSecretAccessKey, behaviour: 'healthy' }),
    );
    for (const until = Date.now() + WAIT_LIMIT_MS; Date.now() < until;) {
      const answer = await this.#update({
        XksProxyAuthenticationCredential: { AccessKeyId, RawSecretAccessKey },
      });
      if (answer.outcome === 'accepted') return true;
      // Not while it is CONNECTING, DISCONNECTING or FAILED.
      if (answer.outcome === 'refused' && !(await this.disconnected())) return false;
      await this.#untilNotLate(answer);
    }
    return false;
  }

  /** Deletes the store and makes it anew on the same cluster or proxy. */
  async #recreate(): Promise<void> {
    if (this.meddled) return;
    if (!(await this.#delete())) return;
    if ('cluster' in this.behind) {
      // Its password is one that only the deleted store knew; and a session may be left that this store would have
      // replaced and another cannot (D31: logging out is best effort), so kmsuser is made anew, as AWS advises.
      const { ClusterId } = this.behind.cluster;
      const password = this.#newPassword();
      await this.#shared.world.ask(async (control) => {
        await control.patchCluster(ClusterId, { kmsuser: null });
        await control.patchCluster(ClusterId, { kmsuser: { password } });
      });
    }
    await this.#createStore();
  }

  /** Deletes the store and makes another, on a new cluster. */
  async #replace(): Promise<boolean> {
    if (!(await this.#delete())) return false;
    await this.create();
    return true;
  }

  async #delete(): Promise<boolean> {
    for (const until = Date.now() + WAIT_LIMIT_MS; Date.now() < until;) {
      if (!(await this.disconnected())) return false;
      const CustomKeyStoreId = this.storeId;
      const answer = await this.#ask('Delete', (client, options) =>
        client.send(new DeleteCustomKeyStoreCommand({ CustomKeyStoreId }), options),
      );
      this.#note('delete', answer);
      if (answer.outcome === 'accepted') return true;
      if (answer.outcome === 'refused' && answer.name === 'CustomKeyStoreNotFoundException') return true;
      await pause(300);
      // An earlier one whose answer was lost may have been accepted after all.
      if ((await this.#findByName()) === 'none') return true;
    }
    return false;
  }

  async #createStore(): Promise<void> {
    const CustomKeyStoreName = this.#nextName();
    for (;;) {
      const creation = this.#creation();
      const answer = await this.#ask(
        'Create',
        (client, options) =>
          client.send(new CreateCustomKeyStoreCommand({ CustomKeyStoreName, ...creation }), options),
        '',
      );
      this.#note('create', answer);
      if (answer.outcome === 'accepted') {
        this.ids.push(answer.value.CustomKeyStoreId ?? '');
        return;
      }
      const found = await this.#findByName();
      if (found !== undefined && found !== 'none') {
        this.ids.push(found);
        return;
      }
      await pause(300);
    }
  }

  #creation(): Omit<ConstructorParameters<typeof CreateCustomKeyStoreCommand>[0], 'CustomKeyStoreName'> {
    if ('cluster' in this.behind) {
      return {
        CloudHsmClusterId: this.behind.cluster.ClusterId,
        TrustAnchorCertificate: this.behind.cluster.TrustAnchorCertificate,
        KeyStorePassword: this.#currentPassword(),
      };
    }
    const { proxy } = this.behind;
    return {
      CustomKeyStoreType: 'EXTERNAL_KEY_STORE',
      XksProxyConnectivity: proxy.XksProxyVpcEndpointServiceName ? 'VPC_ENDPOINT_SERVICE' : 'PUBLIC_ENDPOINT',
      XksProxyUriEndpoint: proxy.XksProxyUriEndpoint,
      XksProxyUriPath: proxy.XksProxyUriPath,
      ...(proxy.XksProxyVpcEndpointServiceName && {
        XksProxyVpcEndpointServiceName: proxy.XksProxyVpcEndpointServiceName,
      }),
      XksProxyAuthenticationCredential: {
        AccessKeyId: proxy.AccessKeyId,
        RawSecretAccessKey: this.secrets.at(-1) ?? '',
      },
    };
  }

  /** The id of the account's only store; undefined where nobody could tell. */
  async #findByName(): Promise<string | 'none' | undefined> {
    const answer = await this.#ask(
      'Describe',
      (client, options) => client.send(new DescribeCustomKeyStoresCommand({}), options),
      '',
    );
    if (answer.outcome !== 'accepted') return undefined;
    return answer.value.CustomKeyStores?.[0]?.CustomKeyStoreId ?? 'none';
  }

  async #update(
    members: Omit<UpdateCustomKeyStoreCommandInput, 'CustomKeyStoreId'>,
  ): Promise<Answer<unknown>> {
    const CustomKeyStoreId = this.storeId;
    const request =
      'NewCustomKeyStoreName' in members
        ? 'UpdateName'
        : 'KeyStorePassword' in members
          ? 'UpdateOther'
          : 'UpdateXksPathOrCredential';
    const answer = await this.#ask(request, (client, options) =>
      client.send(new UpdateCustomKeyStoreCommand({ CustomKeyStoreId, ...members }), options),
    );
    this.#note('update', answer);
    return answer;
  }

  #note(call: string, answer: Answer<unknown>): void {
    this.#shared.counts.add(call, answer);
    const said = answer.outcome === 'accepted' ? 'accepted' : `${answer.outcome} ${answer.name}`;
    this.#say(`${call}: ${said} ${answer.requestId ?? ''}`);
  }

  #say(what: string): void {
    this.#shared.log.say(`${this.label} ${this.storeId}: ${what}`);
  }

  /** Both APIs in turn. */
  #client(): KMSClient {
    return this.#clients[this.#turn++ % this.#clients.length] as KMSClient;
  }

  #nextName(): string {
    return `storm ${this.#plan.accountId} ${this.#names++}`;
  }

  /** 7 to 32 letters and digits, as CloudHSM asks; easy to find where it must not be. */
  #newPassword(): string {
    const password = `canary${this.#plan.accountId}n${this.#passwords++}`;
    this.secrets.push(password);
    return password;
  }

  #currentPassword(): string {
    return this.secrets.at(-1) ?? '';
  }
}

/** What Describe showed; nothing of other calls. */
function seenIn(value: { CustomKeyStores?: CustomKeyStoresListEntry[] | undefined }): SeenStore[] {
  return (value.CustomKeyStores ?? []).map((store) => ({
    storeId: store.CustomKeyStoreId ?? '',
    state: store.ConnectionState ?? '',
    ...(store.ConnectionErrorCode !== undefined && { code: store.ConnectionErrorCode }),
  }));
}

/** What is remembered of an answer, of which there are many. */
function withoutValue(answer: Answer<unknown>): Answer<unknown> {
  return answer.outcome === 'accepted' ? { ...answer, value: undefined } : answer;
}

/** What is left where the world got a new secret and the store did not. */
const RENEWED: Meddling = {
  of: ['cloudhsm', 'public', 'vpc'],
  codes: ['INVALID_CREDENTIALS'],
  apply: () => Promise.resolve(),
  heal: 'new-secret',
};
