import { KMSUSER } from '../../../keystore/naming';
import type { HsmConnection, HsmLogin } from '../hsm-login';
import { HsmFailure } from '../hsm-login';
import type { DeclaredCluster, DeclaredClusters } from './declared-clusters';
import { NO_PIN_YET } from './return-values';
import { openToken } from './token';
import type { Token } from './token';

/** Where the HSMs are declared. */
export interface Pkcs11HsmLoginConfig {
  declared: DeclaredClusters;
  /** compiled `token-main.ts`; default: the one beside the compiled `token.ts` */
  programFile?: string;
  /** milliseconds to open a token and per request, unless the call says otherwise; default 10000 */
  timeoutMs?: number;
}

/** Logs in to HSMs outside AWS, each a token of a PKCS#11 library, with one user, who stands for kmsuser. */
export function createPkcs11HsmLogin(config: Pkcs11HsmLoginConfig): HsmLogin {
  const { declared, programFile } = config;
  return {
    reach: 'whole-cluster',
    keepsSessions: false,
    async connect({ accountId, clusterId }, options = {}) {
      const cluster = declared.find(accountId, clusterId);
      if (cluster === undefined)
        throw new HsmFailure(
          'no-token',
          `KEYMOOR_PKCS11_FILE declares no ${clusterId} for account ${accountId}; add it, or use the id of one that is declared`,
        );
      const { module, tokenLabel } = cluster;
      const token = await openToken(
        { module, tokenLabel, name: `token ${tokenLabel} (${clusterId})` },
        {
          ...options,
          timeoutMs: options.timeoutMs ?? config.timeoutMs ?? 10_000,
          ...(programFile === undefined ? {} : { programFile }),
        },
      );
      return connection(token, PIN_OF[cluster.pinFormat]);
    },
  };
}

/** What the token takes for its user's PIN. */
const PIN_OF: Readonly<Record<DeclaredCluster['pinFormat'], (username: string, password: string) => string>> =
  {
    password: (_username, password) => password,
    'user:password': (username, password) => `${username}:${password}`,
  };

function connection(token: Token, pinOf: (username: string, password: string) => string): HsmConnection {
  return {
    changeIsATry: true,
    listUsers() {
      if (token.facts.userPinSet) return Promise.resolve([{ username: KMSUSER, type: 'CU' }]);
      const { reason, message } = NO_PIN_YET;
      return Promise.reject(new HsmFailure(reason, `token ${token.facts.label}: ${message}`));
    },
    async login(username, password) {
      await token.login(pinOf(username, password));
      return undefined;
    },
    async changePassword({ username, currentPassword, newPassword }) {
      await token.setPin(pinOf(username, currentPassword), pinOf(username, newPassword));
    },
    /** Nothing outlives a request. */
    logout: () => Promise.resolve(),
    close() {
      token.close();
    },
  };
}
