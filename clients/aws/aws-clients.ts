import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { CloudHSMV2Client } from '@aws-sdk/client-cloudhsm-v2';
import type { CloudHSMV2ClientConfig } from '@aws-sdk/client-cloudhsm-v2';
import { EC2Client } from '@aws-sdk/client-ec2';
import { Route53Client } from '@aws-sdk/client-route-53';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { Logger } from 'pino';
import { accountCredentials, simulatorCredentials } from './aws-credentials';
import type { CredentialsProvider } from './aws-credentials';

/** Where AWS is and as whom it is called. */
export interface AwsClientsConfig {
  region: string;
  /** the simulated world: every call goes there, signed with the account's id and never with real credentials */
  simulatorUrl?: string;
  /** addresses other than AWS's own; without effect where `simulatorUrl` is set */
  endpoints: { cloudhsm?: string; ec2?: string; route53?: string; sts?: string };
  /** the role to assume for an account's stores; asked again whenever a client is fetched */
  roleArnOf(accountId: string): string | undefined;
  logger?: Logger;
  /** milliseconds until a TCP connection must stand; default 1000 */
  connectionTimeoutMs?: number;
  /** milliseconds for a whole call, unless the call says otherwise; default 5000 */
  requestTimeoutMs?: number;
}

/** The SDK's clients, one of each kind per account. */
export interface AwsClients {
  cloudHsm(accountId: string): CloudHSMV2Client;
  ec2(accountId: string): EC2Client;
  route53(accountId: string): Route53Client;
  /** the Region that is called */
  readonly region: string;
  /** whether all of it is the simulated world */
  readonly simulated: boolean;
  /** milliseconds for a whole call, unless the call says otherwise */
  readonly requestTimeoutMs: number;
  /** Closes the connections. Calls after it fail. */
  close(): void;
}

/** Clients are some 15 KB each and made in a fraction of a millisecond; what is dear, the connections, is shared. */
const MAX_ACCOUNTS = 100;

/**
 * Below the five seconds after which a plain Node.js server (and less than any of AWS's) drops an idle connection:
 * a request must not meet a connection that is just being closed, as the SDK's own retries are off.
 */
const IDLE_CONNECTION_MS = 4_000;

/** In the CloudHSM client's version `maxAttempts: 1` means two, and a count that is shared by calls under way. */
const ONCE: Extract<NonNullable<CloudHSMV2ClientConfig['retryStrategy']>, { retry: unknown }> = {
  retry: (next, args) => next(args),
};

interface AccountClients {
  roleArn: string | undefined;
  credentials: CredentialsProvider;
  cloudHsm?: CloudHSMV2Client;
  ec2?: EC2Client;
  route53?: Route53Client;
}

/**
 * Clients for CloudHSM v2, EC2 and Route 53 with the SDK's standard configuration, except for its retries, which are off
 * (Temporal retries, and the two would multiply), and its missing time-outs.
 */
export function createAwsClients(config: AwsClientsConfig): AwsClients {
  const agentOptions = { keepAlive: true, maxSockets: 64, timeout: IDLE_CONNECTION_MS };
  const requestHandler = new NodeHttpHandler({
    connectionTimeout: config.connectionTimeoutMs ?? 1_000,
    httpAgent: new HttpAgent(agentOptions),
    httpsAgent: new HttpsAgent(agentOptions),
    ...(config.logger === undefined ? {} : { logger: sdkLogger(config.logger) }),
  });
  const accounts = new Map<string, AccountClients>();

  const common = {
    region: config.region,
    maxAttempts: 1,
    // Nothing of an operator's real set-up may bend calls to the simulated world.
    ...(config.simulatorUrl === undefined
      ? {}
      : { useFipsEndpoint: false, useDualstackEndpoint: false, retryMode: 'standard' }),
  };

  function account(accountId: string): AccountClients {
    const roleArn = config.simulatorUrl === undefined ? config.roleArnOf(accountId) : undefined;
    let entry = accounts.get(accountId);
    if (entry === undefined || entry.roleArn !== roleArn) {
      const credentials =
        config.simulatorUrl === undefined
          ? accountCredentials({
              roleArn,
              region: config.region,
              ...(config.endpoints.sts === undefined ? {} : { stsEndpoint: config.endpoints.sts }),
            })
          : simulatorCredentials(accountId);
      entry = { roleArn, credentials };
    }
    accounts.delete(accountId);
    accounts.set(accountId, entry); // youngest last
    const [oldest] = accounts.keys();
    // Never `destroy()` a client: it would close the connections of all.
    if (accounts.size > MAX_ACCOUNTS && oldest !== undefined) accounts.delete(oldest);
    return entry;
  }

  return {
    requestTimeoutMs: config.requestTimeoutMs ?? 5_000,
    region: config.region,
    simulated: config.simulatorUrl !== undefined,
    cloudHsm(accountId) {
      const entry = account(accountId);
      const endpoint = config.simulatorUrl ?? config.endpoints.cloudhsm;
      entry.cloudHsm ??= new CloudHSMV2Client({
        ...common,
        credentials: entry.credentials,
        ...(endpoint === undefined ? {} : { endpoint }),
        retryStrategy: ONCE,
        // The client is older than the handler; the handler's interface has not changed since.
        requestHandler: requestHandler as unknown as NonNullable<CloudHSMV2ClientConfig['requestHandler']>,
      });
      return entry.cloudHsm;
    },
    ec2(accountId) {
      const entry = account(accountId);
      const endpoint = config.simulatorUrl ?? config.endpoints.ec2;
      entry.ec2 ??= new EC2Client({
        ...common,
        credentials: entry.credentials,
        ...(endpoint === undefined ? {} : { endpoint }),
        requestHandler,
      });
      return entry.ec2;
    },
    route53(accountId) {
      const entry = account(accountId);
      const endpoint = config.simulatorUrl ?? config.endpoints.route53;
      entry.route53 ??= new Route53Client({
        ...common,
        credentials: entry.credentials,
        ...(endpoint === undefined ? {} : { endpoint }),
        requestHandler,
      });
      return entry.route53;
    },
    close() {
      accounts.clear();
      requestHandler.destroy();
    },
  };
}

/** The SDK's own warnings (too many waiting requests) into our log. */
function sdkLogger(
  logger: Logger,
): Record<'trace' | 'debug' | 'info' | 'warn' | 'error', (text: unknown) => void> {
  return {
    trace: () => undefined,
    debug: () => undefined,
    info: () => undefined,
    warn: (text) => logger.warn({ sdk: String(text) }, 'warning of the AWS SDK'),
    error: (text) => logger.error({ sdk: String(text) }, 'error of the AWS SDK'),
  };
}
