/** A key pair for signing, in the SDK's own shape. */
export interface AwsKeyPair {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  expiration?: Date;
}
export type CredentialsProvider = () => Promise<AwsKeyPair>;

/** The simulator takes a 12-digit access key id as the calling account and checks no signature. */
export function simulatorCredentials(accountId: string): CredentialsProvider {
  return () => Promise.resolve({ accessKeyId: accountId, secretAccessKey: 'simulator' });
}

/**
 * Credentials for the calls on behalf of one account: its role, assumed through STS with what the SDK's default
 * chain finds, or the chain's own where no role is given.
 *
 * The provider packages are loaded on first use: whoever works on the simulator never pays for them.
 */
export function accountCredentials(options: {
  roleArn: string | undefined;
  region: string;
  stsEndpoint?: string;
}): CredentialsProvider {
  if (options.roleArn === undefined) return defaultChain;
  const { roleArn, region, stsEndpoint } = options;
  return memoized(async () => {
    const { fromTemporaryCredentials } = await import('@aws-sdk/credential-providers');
    const assume = fromTemporaryCredentials({
      masterCredentials: defaultChain,
      params: { RoleArn: roleArn, RoleSessionName: 'keymoor' },
      clientConfig: {
        region,
        maxAttempts: 1,
        ...(stsEndpoint === undefined ? {} : { endpoint: stsEndpoint }),
      },
    });
    return assume();
  });
}

const defaultChain: CredentialsProvider = memoized(async () => {
  const { fromNodeProviderChain } = await import('@aws-sdk/credential-providers');
  return fromNodeProviderChain()();
});

/** Credentials are fetched anew this long before they expire. */
const EARLY_MS = 5 * 60_000;

/**
 * Remembers a key pair until shortly before it expires, so that the clients of an account share one. A pair without
 * expiration is remembered by each client instead, as the SDK does.
 */
export function memoized(provider: CredentialsProvider): CredentialsProvider {
  let latest: Promise<AwsKeyPair> | undefined;
  let goodUntil = 0;
  return () => {
    if (latest === undefined || Date.now() >= goodUntil) {
      goodUntil = Number.POSITIVE_INFINITY; // while it is being fetched
      const fetching = provider();
      latest = fetching;
      fetching.then(
        (pair) => {
          goodUntil = pair.expiration === undefined ? 0 : pair.expiration.getTime() - EARLY_MS;
        },
        () => {
          latest = undefined;
        },
      );
    }
    return latest;
  };
}
