import type { Mutant } from '../harness/mutant';
import { answering, membersOf, mending, metadataOf, operationOf } from '../harness/mutations';
import type { Members } from '../harness/mutations';

const managers = (members: Members): Members[] => members['ekmFleetDetails'] as Members[];
const eachManager = (members: Members, change: Members): Members => ({
  ...members,
  ekmFleetDetails: managers(members).map((manager) => ({ ...manager, ...change })),
});

/** Whether a call for metadata is about the key that can do everything. */
const aboutMain = ({ path }: { path: string }): boolean => path.includes('/keys/aes-256/');

/** Bugs in what the proxy tells of itself and of its keys. Keymoor's own probe is as strict about health. */
export const TELLING_MUTANTS: readonly Mutant[] = [
  {
    bug: 'has a fleet of no size',
    mutation: answering('health', (members) => ({ ...members, xksProxyFleetSize: 0 })),
    fails: ['health-fleet-size', 'connect-probe'],
  },
  {
    bug: 'does not name its vendor',
    mutation: answering('health', (members) => ({ ...members, ekmVendor: undefined })),
    fails: ['health-vendors', 'connect-probe'],
  },
  {
    bug: 'lists eleven external key managers',
    mutation: answering('health', (members) => ({
      ...members,
      ekmFleetDetails: Array.from({ length: 11 }, () => managers(members)[0]),
    })),
    fails: ['health-managers', 'connect-probe'],
  },
  {
    bug: 'does not name the model of its external key managers',
    mutation: answering('health', (members) => eachManager(members, { model: undefined })),
    fails: ['health-manager-ids', 'connect-probe'],
  },
  {
    bug: 'has a health of its own wording',
    mutation: answering('health', (members) => eachManager(members, { healthStatus: 'OK' })),
    fails: ['health-manager-status', 'connect-probe'],
  },
  {
    bug: 'has lost all its external key managers',
    mutation: answering('health', (members) => eachManager(members, { healthStatus: 'UNAVAILABLE' })),
    fails: ['health-available', 'connect-probe'],
  },
  {
    bug: 'does without requestMetadata',
    mutation: mending((members, call) =>
      members['requestMetadata'] === undefined && ['health', 'metadata'].includes(operationOf(call))
        ? { ...members, requestMetadata: SOME_METADATA }
        : undefined,
    ),
    fails: ['health-without-metadata', 'metadata-without-metadata'],
  },
  {
    bug: 'does with empty requestMetadata',
    mutation: mending((members, call) =>
      Object.keys(metadataOf(call)).length === 0 && members['requestMetadata'] !== undefined
        ? { ...members, requestMetadata: SOME_METADATA }
        : undefined,
    ),
    fails: ['health-empty-metadata', 'metadata-empty-metadata'],
  },
  {
    bug: 'writes AES_256 in another way',
    mutation: answering('metadata', (members) => ({ ...members, keySpec: 'AES-256' })),
    fails: ['metadata-key-spec'],
  },
  {
    bug: 'forgets that a key can decrypt',
    mutation: answering('metadata', (members, call) =>
      aboutMain(call) ? { ...members, keyUsage: ['ENCRYPT'] } : members,
    ),
    fails: ['metadata-key-usage'],
  },
  {
    bug: 'lists eleven usages',
    mutation: answering('metadata', (members, call) =>
      aboutMain(call)
        ? { ...members, keyUsage: ['ENCRYPT', 'DECRYPT', ...Array.from({ length: 9 }, () => 'WRAP')] }
        : members,
    ),
    fails: ['metadata-usages'],
  },
  {
    bug: 'says of an enabled key that it is active',
    mutation: answering('metadata', (members, call) =>
      aboutMain(call) ? { ...members, keyStatus: 'ACTIVE' } : members,
    ),
    fails: ['metadata-key-status'],
  },
  {
    bug: 'says of every key that it is enabled and can do everything',
    mutation: answering('metadata', (members) => ({
      ...members,
      keyUsage: ['ENCRYPT', 'DECRYPT'],
      keyStatus: 'ENABLED',
    })),
    fails: ['disabled-key-status', '*-only-key-usage'],
  },
  {
    bug: 'encrypts with every key',
    mutation: (call, upstream) =>
      upstream.forward(
        operationOf(call) === 'encrypt' && /disabled|decrypt-only/.test(call.path)
          ? upstream.amend(call, { path: call.path.replace(/disabled|decrypt-only/, 'aes-256') })
          : call,
      ),
    fails: ['disabled-key-encrypt', 'decrypt-only-key-encrypt'],
  },
  {
    bug: 'calls a key that may not decrypt a key that is not there',
    mutation: async (call, upstream) => {
      const answer = await upstream.forward(call);
      return membersOf(answer)['errorName'] === 'InvalidKeyUsageException'
        ? { ...answer, status: 404, body: '{"errorName":"KeyNotFoundException"}' }
        : answer;
    },
    fails: ['encrypt-only-key-decrypt', 'decrypt-only-key-encrypt'],
  },
];

const SOME_METADATA = {
  kmsRequestId: 'some',
  kmsOperation: 'CreateKey',
  awsPrincipalArn: 'arn:aws:iam::123456789012:user/Alice',
};
