import { cleanText } from '../clients/xks/operator-text';
import { isXksErrorName } from '../keystore/xks-proxy-outcome';
import { buildRequest } from './build-request';
import { decodeBase64 } from './base64';
import { CheckFailed } from './check-failed';
import { encryptionFrom } from './encryption';
import type { Encryption } from './encryption';
import { patienceMs } from './proxy-under-test';
import type { ProxyUnderTest } from './proxy-under-test';
import type { KeyChoice, RequestRecipe } from './request-recipe';
import type { Body } from './rules';
import type { LoadResult } from './statistics';
import { OPERATION_NAMES } from './specification';
import type { Operation } from './specification';
import { exchange, WireFailure } from './wire';
import type { ExchangeOptions, WireAnswer } from './wire';

/** A request and its answer. */
export interface Exchange {
  answer: WireAnswer;
  /** the body, where it is a JSON object */
  body: Body | undefined;
  /** bytes that were sent for encryption or decryption */
  inputBytes: number;
  plaintext?: Buffer;
  additionalData?: Buffer;
}

/** An exchange whose answer is a 200 with a JSON object and no error. */
export type GoodExchange = Exchange & { body: Body };

/** How long one request of a conversation took. */
export interface Timing {
  operation: Operation;
  totalMs: number;
  reused: boolean;
}

/** Talks with the proxy as KMS would, remembers how long every answer took, and an encryption to work with. */
export class Conversation {
  readonly #timings: Timing[] = [];
  readonly #encryptions = new Map<string, Promise<Encryption>>();
  /** what the load check measured, once it has run */
  loadResult: LoadResult | undefined;

  constructor(
    readonly proxy: ProxyUnderTest,
    readonly signal: AbortSignal,
  ) {}

  /** How long the answers took so far, those of checks that failed included. */
  get timings(): readonly Timing[] {
    return this.#timings;
  }

  /**
   * Sends one request, on a connection of its own unless an agent is given. Decrypt works on `encryption`, by default
   * one that is made when it is first needed.
   *
   * @throws CheckFailed where nothing readable came back, or what the request needs is missing
   */
  async send(
    recipe: RequestRecipe,
    options: { encryption?: Encryption; agent?: ExchangeOptions['agent'] } = {},
  ): Promise<Exchange> {
    const encryption =
      recipe.operation === 'decrypt'
        ? (options.encryption ?? (await this.encryption(encryptingKey(recipe.key))))
        : undefined;
    const built = buildRequest(this.proxy, recipe, encryption);
    const answer = await exchange(this.proxy.target, built.request, {
      timeoutMs: patienceMs(this.proxy),
      signal: this.signal,
      ...(options.agent === undefined ? {} : { agent: options.agent }),
    }).catch((error: unknown) => {
      if (!(error instanceof WireFailure)) throw error;
      throw new CheckFailed(`${OPERATION_NAMES[recipe.operation]}: ${error.message}`);
    });
    this.#timings.push({
      operation: recipe.operation,
      totalMs: answer.totalMs,
      reused: answer.reused,
    });
    return {
      answer,
      body: jsonObject(answer.body),
      inputBytes: built.plaintext?.length ?? decodeBase64(encryption?.members['ciphertext'])?.length ?? 0,
      ...(built.plaintext === undefined ? {} : { plaintext: built.plaintext }),
      ...(built.additionalData === undefined ? {} : { additionalData: built.additionalData }),
    };
  }

  /**
   * Sends a request that must be answered well.
   *
   * @throws CheckFailed where it is not
   */
  async sendWell(
    recipe: RequestRecipe,
    options: { encryption?: Encryption; agent?: ExchangeOptions['agent'] } = {},
  ): Promise<GoodExchange> {
    const done = await this.send(recipe, options);
    if (done.answer.status !== 200 || done.body === undefined || done.body['errorName'] !== undefined) {
      throw new CheckFailed(
        `${OPERATION_NAMES[recipe.operation]}: expected HTTP 200 with a JSON object, got ${this.describe(done)}`,
      );
    }
    return { ...done, body: done.body };
  }

  /** An encryption with 32 bytes of additional data, or as many as said (0: none), made once. */
  encryption(key: KeyChoice = 'main', additionalDataBytes = 32): Promise<Encryption> {
    const name = `${key}/${additionalDataBytes}`;
    const kept =
      this.#encryptions.get(name) ??
      this.encrypt({ key, ...(additionalDataBytes === 0 ? {} : { additionalDataBytes }) });
    this.#encryptions.set(name, kept);
    return kept;
  }

  /** A new encryption. */
  async encrypt(recipe: Omit<RequestRecipe, 'operation'>): Promise<Encryption> {
    const {
      body,
      plaintext = Buffer.alloc(0),
      additionalData,
    } = await this.sendWell({
      operation: 'encrypt',
      ...recipe,
    });
    return encryptionFrom(body, plaintext, additionalData);
  }

  /** An answer in a few words, for a message; nothing of it that looks like a secret. */
  describe({ answer, body }: Exchange): string {
    const { credential } = this.proxy;
    if (body === undefined) {
      const start = cleanText(answer.body.subarray(0, 80).toString('latin1'), credential);
      return `HTTP ${answer.status} with ${start === '' ? 'no body' : `a body that is no JSON object: ${start}`}`;
    }
    const { errorName, errorMessage } = body;
    if (errorName === undefined) {
      const members = Object.keys(body).join(', ');
      return `HTTP ${answer.status} with ${members === '' ? 'an empty object' : `the members ${cleanText(members, credential)}`}`;
    }
    const name = isXksErrorName(errorName) ? errorName : cleanText(JSON.stringify(errorName), credential);
    const message = typeof errorMessage === 'string' ? ` ("${cleanText(errorMessage, credential)}")` : '';
    return `HTTP ${answer.status} ${name}${message}`;
  }
}

/** With which key a ciphertext is made that this key shall decrypt: its own, where it can encrypt. */
function encryptingKey(key: KeyChoice | undefined): KeyChoice {
  return key === 'encrypt-only' ? key : 'main';
}

function jsonObject(body: Buffer): Body | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : undefined;
  } catch {
    return undefined;
  }
}
