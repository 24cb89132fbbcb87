import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { openDeclaredClusters } from '../../../../clients/hsm/pkcs11/declared-clusters';
import type { DeclaredClusters } from '../../../../clients/hsm/pkcs11/declared-clusters';
import { eventually } from '../../eventually';
import { makeAuthority } from '../../xks/test-authority';

const CLUSTER = 'cluster-softhsmaaaa';
const ACCOUNT = '111122223333';

describe('the file of HSMs outside AWS', () => {
  let folder: string;
  let file: string;
  let log: string[];
  let opened: DeclaredClusters[];
  let anchor: string;

  beforeAll(async () => {
    anchor = (await makeAuthority()).ca;
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'keymoor-pkcs11-file-'));
    file = join(folder, 'pkcs11.json');
    await writeFile(join(folder, 'anchor.pem'), anchor);
    log = [];
    opened = [];
  });
  afterEach(async () => {
    for (const declared of opened) declared.close();
    await rm(folder, { recursive: true });
  });

  function entry(changes: Record<string, unknown> = {}): Record<string, unknown> {
    return {
      clusterId: CLUSTER,
      accountId: ACCOUNT,
      module: '/usr/lib/softhsm/libsofthsm2.so',
      tokenLabel: 'keymoor',
      pinFormat: 'password',
      trustAnchorFile: join(folder, 'anchor.pem'),
      ...changes,
    };
  }
  async function open(text: string): Promise<DeclaredClusters> {
    await writeFile(file, text);
    const logger = pino({ level: 'info' }, { write: (line: string) => void log.push(line) });
    const declared = await openDeclaredClusters({ file, logger });
    opened.push(declared);
    return declared;
  }

  test('a cluster is found by its id, for its own account alone, with the trust anchor itself', async () => {
    const declared = await open(JSON.stringify([entry({ pinFormat: 'user:password' })]));
    const { trustAnchorFile: _file, ...rest } = entry({ pinFormat: 'user:password' });
    expect(declared.find(ACCOUNT, CLUSTER)).toEqual({ ...rest, trustAnchorCertificate: anchor });
    expect(declared.find('444455556666', CLUSTER)).toBeUndefined();
    expect(declared.find(ACCOUNT, 'cluster-aaaaaaaaaaa')).toBeUndefined();
  });

  test('a trust anchor file is looked for beside the file that names it', async () => {
    const declared = await open(JSON.stringify([entry({ trustAnchorFile: 'anchor.pem' })]));
    expect(declared.find(ACCOUNT, CLUSTER)?.trustAnchorCertificate).toBe(anchor);
  });

  test.each([
    { what: 'no JSON', text: '[{', says: 'it is not JSON' },
    { what: 'no list', text: '{}', says: 'the file must be a list of entries' },
    {
      what: 'a missing member',
      change: { tokenLabel: undefined },
      says: 'entry 1, tokenLabel: must be a string',
    },
    {
      what: 'an unknown member',
      change: { slot: 3 },
      says: 'entry 1: has an unknown member; known are clusterId',
    },
    {
      what: 'an account that is a number',
      change: { accountId: 111122223333 },
      says: 'accountId: must be a string',
    },
    {
      what: 'an id that Create refuses',
      change: { clusterId: 'cluster-1' },
      says: 'clusterId: must be cluster- and',
    },
    {
      what: 'a relative module',
      change: { module: 'libsofthsm2.so' },
      says: 'module: must be an absolute path',
    },
    {
      what: 'another PIN format',
      change: { pinFormat: 'pin' },
      says: 'pinFormat: must be password or user:password',
    },
    {
      what: 'a label that no token can have',
      change: { tokenLabel: 'x'.repeat(33) },
      says: 'is longer than the 32',
    },
    {
      what: 'an absent anchor',
      change: { trustAnchorFile: 'none.pem' },
      says: 'trustAnchorFile cannot be read (ENOENT)',
    },
    {
      what: 'an anchor that is none',
      change: { trustAnchorFile: 'pkcs11.json' },
      says: 'holds no X.509 certificate',
    },
    { what: 'a cluster twice', twice: true, says: 'entry 2: an earlier entry has the same clusterId' },
  ])(
    'with $what it is refused in one line that names the variable',
    async ({ text, change, twice, says }) => {
      const entries = [entry(change), ...(twice === true ? [entry()] : [])];
      const error: unknown = await open(text ?? JSON.stringify(entries)).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Error);
      const { message } = error as Error;
      expect(message).toContain(says);
      expect(message).toMatch(
        /^KEYMOOR_PKCS11_FILE: .* cannot be used: .*; example: KEYMOOR_PKCS11_FILE=.*$/,
      );
    },
  );

  test('a change is in force soon, and one that is no good leaves the last good one', async () => {
    const declared = await open('[]');
    expect(declared.find(ACCOUNT, CLUSTER)).toBeUndefined();
    await writeFile(file, JSON.stringify([entry()]));
    await eventually(() => declared.find(ACCOUNT, CLUSTER) !== undefined);
    await writeFile(file, JSON.stringify([entry({ pinFormat: 'pin' })]));
    await eventually(() => log.join('').includes('the last good one stays in force'));
    expect(declared.find(ACCOUNT, CLUSTER)?.pinFormat).toBe('password');
  });

  test('a trust anchor that comes later, or is replaced, is in force soon', async () => {
    const declared = await open('[]');
    await writeFile(file, JSON.stringify([entry({ trustAnchorFile: 'late.pem' })]));
    await eventually(() => log.join('').includes('trustAnchorFile cannot be read (ENOENT)'));
    await writeFile(join(folder, 'late.pem'), anchor);
    await eventually(() => declared.find(ACCOUNT, CLUSTER)?.trustAnchorCertificate === anchor);
    const other = (await makeAuthority()).ca;
    await writeFile(join(folder, 'late.pem'), other);
    await eventually(() => declared.find(ACCOUNT, CLUSTER)?.trustAnchorCertificate === other);
    await rm(join(folder, 'late.pem'));
    await eventually(() => log.join('').split('ENOENT').length > 2);
    expect(declared.find(ACCOUNT, CLUSTER)?.trustAnchorCertificate).toBe(other);
  });
});
