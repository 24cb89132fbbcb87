import { isIP } from 'node:net';
import { z } from 'zod';
import { EnvironmentError } from './environment-error';
import type { Environment } from './environment-error';

/** One variable: how its value is checked and understood, and a value to show as an example. */
interface Variable {
  schema: z.ZodType<unknown, string>;
  example: string;
  /** the value is not repeated in messages */
  secret?: true;
}

const port = (problem = 'is not a port number from 0 to 65535'): z.ZodType<number, string> =>
  z
    .string()
    .regex(/^\d{1,5}$/, problem)
    .transform(Number)
    .refine((value) => value <= 65_535, problem);

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i;
const isHost = (value: string): boolean => isIP(value) !== 0 || HOST_NAME.test(value);

const httpUrl = z
  .string()
  .refine((value) => isUrl(value, ['http:', 'https:']), 'is not an http or https URL');

const decimal = (problem: string, min: number, inclusive: boolean): z.ZodType<number, string> =>
  z
    .string()
    .regex(/^\d+(\.\d+)?$|^\.\d+$/, problem)
    .transform(Number)
    .refine((value) => Number.isFinite(value) && (inclusive ? value >= min : value > min), problem);

const file = z.string();

/** One of the ends of a `KEYMOOR_XKS_CONNECT_TO` item; IPv6 addresses stand in brackets, as in curl. */
export interface ConnectToEnd {
  host: string;
  port: number;
}

/** Requests for `from` go to `to`. */
export interface ConnectTo {
  from: ConnectToEnd;
  to: ConnectToEnd;
}

const CONNECT_TO_ITEM = /^(\[[^\]]+\]|[^:[\]]+):(\d{1,5}):(\[[^\]]+\]|[^:[\]]+):(\d{1,5})$/;

const connectTo = z.string().transform((value, context): ConnectTo[] => {
  const items = value.split(',').map((item) => CONNECT_TO_ITEM.exec(item.trim()));
  const ends = items.map((match) => {
    const [, host1 = '', port1 = '', host2 = '', port2 = ''] = match ?? [];
    return { from: connectToEnd(host1, port1), to: connectToEnd(host2, port2) };
  });
  if (ends.every(({ from, to }) => isEnd(from) && isEnd(to))) return ends;
  context.addIssue('is not a comma-separated list of HOST1:PORT1:HOST2:PORT2');
  return z.NEVER;
});

function connectToEnd(host: string, portNumber: string): ConnectToEnd {
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(portNumber) };
}

function isEnd(end: ConnectToEnd): boolean {
  return isHost(end.host) && end.port >= 1 && end.port <= 65_535;
}

function isUrl(value: string, protocols: readonly string[]): boolean {
  return URL.canParse(value) && protocols.includes(new URL(value).protocol);
}

/** Every variable that Keymoor itself understands (contract, "Environment"). Those of Temporal's own are in `temporal.ts`. */
export const VARIABLES = {
  KEYMOOR_HOME: { schema: file, example: '/var/lib/keymoor' },
  KEYMOOR_CACHE_DIR: { schema: file, example: '/var/cache/keymoor' },
  XDG_CACHE_HOME: { schema: file, example: '/home/me/.cache' },
  KEYMOOR_HOST: {
    schema: z.string().refine(isHost, 'is not an IP address or host name'),
    example: '127.0.0.1',
  },
  KEYMOOR_PORT: { schema: port(), example: '4580' },
  KEYMOOR_ADMIN_PORT: { schema: port(), example: '4581' },
  KEYMOOR_SIMULATOR_PORT: { schema: port(), example: '4582' },
  KEYMOOR_WORKER_ADMIN_PORT: { schema: port(), example: '4583' },
  KEYMOOR_TLS_CERT_FILE: { schema: file, example: '/etc/keymoor/tls.crt' },
  KEYMOOR_TLS_KEY_FILE: { schema: file, example: '/etc/keymoor/tls.key' },
  AWS_REGION: {
    schema: z.string().regex(/^[a-z]{2,}(-[a-z]+)+-\d+$/, 'is not the name of a Region'),
    example: 'us-east-1',
  },
  DATABASE_URL: {
    schema: z
      .string()
      .refine((value) => isUrl(value, ['postgres:', 'postgresql:']), 'is not a postgresql:// URL'),
    example: 'postgresql://keymoor:password@db.example.com:5432/keymoor',
    secret: true,
  },
  TEMPORAL_CLI_PATH: { schema: file, example: '/usr/local/bin/temporal' },
  KEYMOOR_TASK_QUEUE: {
    schema: z.string().max(1_000, 'is longer than 1000 characters'),
    example: 'keymoor',
  },
  KEYMOOR_SIMULATOR_URL: { schema: httpUrl, example: 'http://127.0.0.1:4582' },
  AWS_ENDPOINT_URL_CLOUDHSM_V2: { schema: httpUrl, example: 'https://cloudhsmv2.us-east-1.amazonaws.com' },
  AWS_ENDPOINT_URL_EC2: { schema: httpUrl, example: 'https://ec2.us-east-1.amazonaws.com' },
  AWS_ENDPOINT_URL_ROUTE_53: { schema: httpUrl, example: 'https://route53.amazonaws.com' },
  AWS_ENDPOINT_URL_STS: { schema: httpUrl, example: 'https://sts.us-east-1.amazonaws.com' },
  KEYMOOR_VPC_ID: {
    schema: z.string().regex(/^vpc-[0-9a-f]{8,17}$/, 'is not the id of a VPC'),
    example: 'vpc-0123456789abcdef0',
  },
  KEYMOOR_SUBNET_IDS: {
    schema: z
      .string()
      .regex(
        /^\s*subnet-[0-9a-f]{8,17}\s*(,\s*subnet-[0-9a-f]{8,17}\s*)*$/,
        'is not a comma-separated list of subnet ids',
      )
      .transform((value) => value.split(',').map((id) => id.trim())),
    example: 'subnet-0123456789abcdef0,subnet-0123456789abcdef1',
  },
  KEYMOOR_CREDENTIALS_FILE: { schema: file, example: '/etc/keymoor/credentials.json' },
  KEYMOOR_MASTER_KEY_FILE: { schema: file, example: '/etc/keymoor/master-key' },
  KEYMOOR_HSM: {
    schema: z.enum(['simulator', 'pkcs11', 'cloudhsm'], 'is none of simulator, pkcs11, cloudhsm'),
    example: 'cloudhsm',
  },
  KEYMOOR_PKCS11_FILE: { schema: file, example: '/etc/keymoor/pkcs11.json' },
  KEYMOOR_CLOUDHSM_DIR: { schema: file, example: '/opt/cloudhsm' },
  KEYMOOR_XKS_CA_FILE: { schema: file, example: '/etc/keymoor/xks-ca.pem' },
  KEYMOOR_XKS_CONNECT_TO: { schema: connectTo, example: 'xks.example.com:443:127.0.0.1:8443' },
  KEYMOOR_XKS_ACCESS_KEY_ID: {
    schema: z.string().regex(/^[A-Z2-7]{20,30}$/, 'does not have 20 to 30 characters of A to Z and 2 to 7'),
    example: 'BETWEEN2TENAND3TENCHARACTERS',
    secret: true,
  },
  KEYMOOR_XKS_SECRET_ACCESS_KEY: {
    schema: z
      .string()
      .regex(
        /^[A-Za-z0-9/+=]{43,64}$/,
        'does not have 43 to 64 characters of A to Z, a to z, 0 to 9, /, + and =',
      ),
    example: 'PleaseReplaceThisWithSomeSecretOfLength43To64',
    secret: true,
  },
  KEYMOOR_SIMULATOR_PACE: { schema: decimal('is not a number of at least 0', 0, true), example: '0.5' },
  KEYMOOR_BUDGET_SCALE: { schema: decimal('is not a number above 0', 0, false), example: '0.1' },
  KEYMOOR_THROTTLE: { schema: z.enum(['off', 'aws'], 'is neither off nor aws'), example: 'aws' },
  KEYMOOR_CUSTOM_KEY_STORE_QUOTA: {
    schema: z
      .string()
      .regex(/^\d{1,9}$/, 'is not a whole number of at least 0')
      .transform(Number),
    example: '10',
  },
  KEYMOOR_AUDIT_FILE: { schema: file, example: '/var/log/keymoor/audit.log' },
  KEYMOOR_LOG_LEVEL: {
    schema: z.enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'is none of trace, debug, info, warn, error, fatal, silent',
    ),
    example: 'info',
  },
  TEMPORAL_DEPLOYMENT_NAME: { schema: z.string(), example: 'keymoor' },
  TEMPORAL_WORKER_BUILD_ID: { schema: z.string(), example: '2026-11-22' },
} as const satisfies Record<string, Variable>;

export type VariableName = keyof typeof VARIABLES;

/** What a variable's value becomes. */
export type VariableValue<N extends VariableName> = z.output<(typeof VARIABLES)[N]['schema']>;

/**
 * Reads one variable; undefined where it is not set or empty.
 * @throws EnvironmentError
 */
export function readVariable<N extends VariableName>(
  environment: Environment,
  name: N,
): VariableValue<N> | undefined {
  const value = environment[name];
  if (value === undefined || value === '') return undefined;
  const { schema, ...variable }: Variable = VARIABLES[name];
  const result = schema.safeParse(value);
  if (result.success) return result.data as VariableValue<N>;
  const problem = result.error.issues[0]?.message ?? 'is wrong';
  throw wrongVariable(name, variable.secret === true ? problem : `"${value}" ${problem}`);
}

/** The error for a variable whose value is not good for a reason that its schema does not know. */
export function wrongVariable(name: VariableName, problem: string): EnvironmentError {
  return new EnvironmentError(name, problem, VARIABLES[name].example);
}

/**
 * Reads a variable that has no default.
 * @throws EnvironmentError where it is not set, too
 */
export function requireVariable<N extends VariableName>(environment: Environment, name: N): VariableValue<N> {
  const value = readVariable(environment, name);
  if (value === undefined) throw wrongVariable(name, 'is not set');
  return value;
}
