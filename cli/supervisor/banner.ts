import type { Endpoints } from './endpoints-file';

export interface BannerOptions {
  endpoints: Endpoints;
  region: string;
  /** folder of the logs */
  logs: string;
  /** whether the pair test/test is known */
  builtInCredentials: boolean;
  /** whether CloudHSM key stores stand on simulated clusters */
  simulatedHsms: boolean;
}

/** What a person sees when everything runs: where it is, and what to try. */
export function banner(options: BannerOptions): string {
  const { endpoints, region, logs, builtInCredentials, simulatedHsms } = options;
  const credentials = builtInCredentials
    ? 'export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test'
    : 'export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…   # a pair of KEYMOOR_CREDENTIALS_FILE';
  return `
Keymoor is ready.

  KMS endpoint   ${endpoints.kms}
  Temporal UI    ${endpoints.temporalUi ?? `(your own Temporal, ${endpoints.temporal})`}
  Simulator      ${endpoints.simulator}
  Admin          ${endpoints.admin}, worker ${endpoints.workerAdmin}
  Logs           ${logs}

Try it, in another terminal:

  ${credentials}
  export AWS_REGION=${region} AWS_DEFAULT_REGION=${region}

${simulatedHsms ? onSimulatedCluster(endpoints) : ON_OWN_HSM}

External key stores, and your own XKS proxy: docs/test-your-xks-proxy.md and README.md.
Ctrl-C stops everything; the data stay.

`;
}

const ON_OWN_HSM = '  # a key store on your own HSM: see docs/connect-your-own-hsm.md';

function onSimulatedCluster(endpoints: Endpoints): string {
  return `  # a simulated CloudHSM cluster, and a key store on it
  curl -s -X POST -H 'content-type: application/json' -d '{}' ${endpoints.simulator}/_control/clusters > /tmp/cluster.json
  aws kms create-custom-key-store --endpoint-url ${endpoints.kms} \\
    --custom-key-store-name demo --key-store-password kmsPswd1 \\
    --cloud-hsm-cluster-id "$(node -p 'require("/tmp/cluster.json").ClusterId')" \\
    --trust-anchor-certificate "$(node -p 'require("/tmp/cluster.json").TrustAnchorCertificate')"

  ID=$(aws kms describe-custom-key-stores --endpoint-url ${endpoints.kms} --custom-key-store-name demo \\
    --query 'CustomKeyStores[0].CustomKeyStoreId' --output text)
  aws kms connect-custom-key-store --endpoint-url ${endpoints.kms} --custom-key-store-id $ID
  aws kms describe-custom-key-stores --endpoint-url ${endpoints.kms} --custom-key-store-id $ID`;
}
