import { z } from 'zod';
import { InvalidFile, invalidEntries, parseJsonFile } from '../watched-file';

/** Who may call, and as which account: one pair of keys. */
export interface Credential {
  accessKeyId: string;
  secretAccessKey: string;
  /** 12 digits */
  accountId: string;
  principalArn: string;
  /** the role to assume for calls to AWS on behalf of this account's stores */
  roleArn?: string;
  /** action names, `*` as wildcard: `kms:Describe*` */
  allow: string[];
}

// Messages name the rule and never the value: secrets stand in the same file, maybe in the wrong member.
const CREDENTIAL = z.strictObject({
  accessKeyId: z
    .string('must be a string')
    .regex(/^[\w.-]{1,128}$/, 'must be 1 to 128 letters, digits, dots, dashes or underscores'),
  secretAccessKey: z.string('must be a string').min(1, 'must not be empty').max(256, 'is too long'),
  accountId: z.string('must be a string').regex(/^\d{12}$/, 'must be 12 digits, in quotes'),
  principalArn: z
    .string('must be a string')
    .regex(/^arn:[\w-]+:(iam|sts)::\d{12}:\S+$/, 'must be an ARN like arn:aws:iam::000000000000:user/test'),
  roleArn: z
    .string('must be a string')
    .regex(/^arn:[\w-]+:iam::\d{12}:role\/\S+$/, 'must be an ARN like arn:aws:iam::000000000000:role/keymoor')
    .optional(),
  allow: z.array(
    z
      .string('must be a string')
      .regex(/^(\*|[a-zA-Z0-9-]+:[a-zA-Z0-9*]+)$/, 'must be an action name like kms:Describe*'),
    'must be a list of action names',
  ),
});

const CREDENTIALS = z.array(CREDENTIAL, 'must be a list of entries');

/**
 * Reads the text of a credentials file.
 * @throws InvalidFile
 */
export function parseCredentials(text: string): Credential[] {
  const parsed = CREDENTIALS.safeParse(parseJsonFile(text));
  if (!parsed.success) throw invalidEntries(parsed.error.issues, Object.keys(CREDENTIAL.shape));
  const credentials = parsed.data.map(({ roleArn, ...rest }) => ({
    ...rest,
    ...(roleArn === undefined ? {} : { roleArn }),
  }));
  refuseContradictions(credentials);
  return credentials;
}

function refuseContradictions(credentials: readonly Credential[]): void {
  const seen = new Map<string, number>();
  const roles = new Map<string, { roleArn: string; entry: number }>();
  for (const [index, { accessKeyId, accountId, roleArn }] of credentials.entries()) {
    const earlier = seen.get(accessKeyId);
    if (earlier !== undefined)
      throw new InvalidFile(`entries ${earlier} and ${index + 1} have the same accessKeyId`);
    seen.set(accessKeyId, index + 1);

    if (roleArn === undefined) continue;
    const role = roles.get(accountId);
    if (role !== undefined && role.roleArn !== roleArn)
      throw new InvalidFile(
        `entries ${role.entry} and ${index + 1} give account ${accountId} two different roleArns`,
      );
    roles.set(accountId, role ?? { roleArn, entry: index + 1 });
  }
}
