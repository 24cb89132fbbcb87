import type { Mutant } from '../harness/mutant';
import { faithful, isGood, membersOf, metadataOf, operationOf, refusal } from '../harness/mutations';

/** Bugs of TLS, HTTP and time. Where no connection comes up, no check can pass but those of what is offered. */
export const TRANSPORT_MUTANTS: readonly Mutant[] = [
  {
    bug: 'speaks TLS 1.1 and nothing newer',
    mutation: faithful,
    tls: { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    fails: ['*', '!load'],
  },
  {
    bug: 'speaks TLS 1.1 as well',
    mutation: faithful,
    tls: { minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' },
    fails: ['tls-old-version'],
  },
  {
    bug: 'has other cipher suites',
    mutation: faithful,
    tls: { ciphers: 'TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256' },
    fails: ['tls-cipher-suite', 'connect-probe'],
  },
  {
    bug: 'has a certificate for another host',
    mutation: faithful,
    certificate: 'other-host',
    fails: ['tls-certificate-name', 'connect-probe'],
  },
  {
    bug: 'has an expired certificate',
    mutation: faithful,
    certificate: 'expired',
    fails: ['tls-certificate-validity', 'connect-probe'],
  },
  {
    bug: 'has a certificate of a CA that is not trusted',
    mutation: faithful,
    certificate: 'other-ca',
    fails: ['tls-certificate-chain', 'connect-probe'],
  },
  {
    bug: 'never answers',
    mutation: () => new Promise(() => undefined),
    proxy: { limitMs: 50 },
    fails: ['*', '!tls-*', '!load'],
  },
  {
    bug: 'drops a connection that it had kept when the next request comes',
    mutation: async (call, upstream) => {
      const served = upstream.socket as { served?: boolean };
      if (served.served === true) {
        upstream.socket.destroy();
        return new Promise(() => undefined);
      }
      served.served = true;
      return upstream.forward(call);
    },
    fails: ['kept-connection'],
  },
  {
    bug: 'takes its time for ConnectCustomKeyStore',
    mutation: async (call, upstream) => {
      if (metadataOf(call)['kmsOperation'] === 'ConnectCustomKeyStore') await pause(8_000);
      return upstream.forward(call);
    },
    fails: ['connect-probe'],
  },
  {
    bug: 'is always late',
    mutation: async (call, upstream) => {
      await pause(12);
      return upstream.forward(call);
    },
    proxy: { limitMs: 8 },
    fails: ['time-limit-*', 'connect-probe'],
  },
  {
    bug: 'throttles when many connections are open',
    mutation: async (call, upstream) =>
      upstream.openConnections() > 6 ? refusal('ThrottlingException') : upstream.forward(call),
    proxy: { load: 12 },
    fails: ['load'],
  },
  {
    bug: 'is late now and then when many connections are open',
    mutation: everyFortiethLate(),
    proxy: { load: 12 },
    fails: ['load'],
  },
  {
    bug: 'does not say that its answers are JSON',
    mutation: async (call, upstream) => {
      const answer = await upstream.forward(call);
      return isGood(answer) || membersOf(answer)['errorName'] !== undefined
        ? { ...answer, headers: { 'content-type': 'text/plain' } }
        : answer;
    },
    fails: ['*-content-type', 'error-content-type-*'],
  },
  {
    bug: 'answers GET as if it were not there',
    mutation: async (call, upstream) =>
      call.method === 'GET' ? refusal('InvalidUriPathException') : upstream.forward(call),
    fails: ['get-*'],
  },
  {
    bug: 'answers with text around the JSON',
    mutation: async (call, upstream) => {
      const answer = await upstream.forward(call);
      return operationOf(call) === 'metadata' && isGood(answer)
        ? { ...answer, body: `OK\n${answer.body}` }
        : answer;
    },
    fails: [
      'metadata-*',
      '!metadata-without-metadata',
      '!metadata-empty-metadata',
      'time-limit-metadata',
      '*-only-key-usage',
      'disabled-key-status',
    ],
  },
];

function everyFortiethLate(): Mutant['mutation'] {
  let crowded = 0;
  return async (call, upstream) => {
    if (upstream.openConnections() > 6 && crowded++ % 40 === 0) await pause(3_600);
    return upstream.forward(call);
  };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
