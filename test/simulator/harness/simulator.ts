import { CloudHSMV2Client } from '@aws-sdk/client-cloudhsm-v2';
import { EC2Client } from '@aws-sdk/client-ec2';
import { Route53Client } from '@aws-sdk/client-route-53';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import type { RunningSimulator } from '../../../simulator/server';
import { startSimulator } from '../../../simulator/server';

export const REGION = 'eu-central-1';

/** What `POST /_control/clusters` answers. */
export interface ControlCluster {
  ClusterId: string;
  TrustAnchorCertificate: string;
  SecurityGroup: string;
  SubnetIds: string[];
  HsmIds: string[];
}

/** A simulator of a test's own, on a free port and in a folder of its own. */
export class TestSimulator {
  private running: RunningSimulator | undefined;
  private clients: { destroy(): void }[] = [];

  private constructor(
    readonly stateDir: string,
    private pace: number,
  ) {}

  static async start(pace = 0): Promise<TestSimulator> {
    const simulator = new TestSimulator(await mkdtemp(path.join(tmpdir(), 'simulator-')), pace);
    await simulator.open();
    return simulator;
  }

  get url(): string {
    if (this.running === undefined) throw new Error('not started');
    return this.running.url;
  }

  /** Ends it and starts another one on the same state. */
  async restart(pace = this.pace): Promise<void> {
    await this.stop();
    this.pace = pace;
    await this.open();
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.destroy();
    this.clients = [];
    await this.running?.close();
    this.running = undefined;
  }

  async dispose(): Promise<void> {
    await this.stop();
    await rm(this.stateDir, { recursive: true, force: true });
  }

  /** An EC2 client of an account, without retries of its own. */
  ec2(accountId = '000000000000'): EC2Client {
    return this.remember(new EC2Client(this.clientConfig(accountId)));
  }

  cloudHsm(accountId = '000000000000'): CloudHSMV2Client {
    // this old client counts repetitions where newer ones count attempts
    return this.remember(new CloudHSMV2Client({ ...this.clientConfig(accountId), maxAttempts: 0 }));
  }

  /** A Route 53 client of an account, without retries of its own. */
  route53(accountId = '000000000000'): Route53Client {
    return this.remember(new Route53Client(this.clientConfig(accountId)));
  }

  /** A call of the control API: status and body. */
  async call(method: string, route: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${this.url}${route}`, {
      method,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as unknown };
  }

  /** The body of a call that must succeed. */
  async control<T = Record<string, unknown>>(method: string, route: string, body?: unknown): Promise<T> {
    const answer = await this.call(method, `/_control${route}`, body);
    if (answer.status >= 300) throw new Error(`${method} ${route}: ${JSON.stringify(answer)}`);
    return answer.body as T;
  }

  createCluster(body: Record<string, unknown> = {}): Promise<ControlCluster> {
    return this.control<ControlCluster>('POST', '/clusters', body);
  }

  private async open(): Promise<void> {
    this.running = await startSimulator({
      host: '127.0.0.1',
      port: 0,
      stateDir: this.stateDir,
      pace: this.pace,
      region: REGION,
      logger: pino({ level: 'silent' }),
    });
  }

  private clientConfig(accountId: string): {
    endpoint: string;
    region: string;
    credentials: { accessKeyId: string; secretAccessKey: string };
    maxAttempts: number;
  } {
    return {
      endpoint: this.url,
      region: REGION,
      credentials: { accessKeyId: accountId, secretAccessKey: 'simulator' },
      maxAttempts: 1,
    };
  }

  private remember<T extends { destroy(): void }>(client: T): T {
    this.clients.push(client);
    return client;
  }
}

/**
 * Asks again and again until the answer fits. The limit is only there so that a broken rule ends in a message and not in
 * a hang.
 */
export async function eventually<T>(ask: () => Promise<T>, fits: (answer: T) => boolean): Promise<T> {
  const deadline = performance.now() + 120_000;
  for (;;) {
    const answer = await ask();
    if (fits(answer)) return answer;
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The name of the error that a promise fails with. */
export async function failure(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof Error ? error.name : String(error)),
  );
}
