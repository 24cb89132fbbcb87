import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pino from 'pino';
import type { Logger } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { whyNotAbandoned } from '../../api/admin/abandon-store';
import { openAbandoning } from '../../api/admin/open-abandoning';
import type { Abandoning } from '../../api/admin/open-abandoning';
import type { AbandonPreview, Leftover } from '../../database/queries/abandon-store';
import { abandonEnvironment, homeOf } from '../environment';
import type { Environment } from '../environment/environment-error';
import { EnvironmentError } from '../environment/environment-error';
import { readTemporal } from '../environment/temporal';
import { oneLine } from '../one-line';
import { readEndpoints } from '../supervisor/endpoints-file';

const ABANDONED = 0;
const NOT_ABANDONED = 1;
const WRONG_COMMAND = 2;

/** Of `keymoor abandon`. */
export interface AbandonOptions {
  /** do not ask */
  yes?: true;
}

/**
 * `keymoor abandon STORE`: lists what would stay behind of a store whose disconnect cannot finish, asks, and gives it
 * up. Works on the database alone, be the API up or down.
 *
 * @returns the exit code
 */
export async function runAbandon(
  storeId: string,
  options: AbandonOptions,
  environment: Environment,
): Promise<number> {
  let abandoning: Abandoning;
  try {
    const running = readEndpoints(join(homeOf(environment), 'endpoints.json'));
    const own = abandonEnvironment(environment, running);
    const { connection, namespace } = readTemporal(own.temporal);
    abandoning = openAbandoning({
      databaseUrl: own.databaseUrl,
      temporal: connection,
      namespace,
      logger: ownLog(),
    });
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    return refuse(error.message, WRONG_COMMAND);
  }
  try {
    return await abandon(abandoning, storeId, options);
  } catch (error) {
    return refuse(`nothing is known to be abandoned: ${oneLine(error)}; look again`, NOT_ABANDONED);
  } finally {
    await abandoning.close();
  }
}

async function abandon(abandoning: Abandoning, storeId: string, options: AbandonOptions): Promise<number> {
  const preview = await abandoning.preview(storeId);
  if (!preview) return refuse(whyNotAbandoned(storeId, { kind: 'no-such-store' }), NOT_ABANDONED);
  const { connectionState, token } = preview;
  if (connectionState !== 'DISCONNECTING') {
    return refuse(whyNotAbandoned(storeId, { kind: 'wrong-state', connectionState }), NOT_ABANDONED);
  }
  process.stdout.write(described(preview));
  if (options.yes !== true) {
    if (!process.stdin.isTTY) return refuse('there is no terminal to ask on: say --yes', WRONG_COMMAND);
    if (!(await confirmed())) return refuse('nothing was abandoned', NOT_ABANDONED);
  }
  const outcome = await abandoning.abandon(storeId, token);
  if (outcome.kind !== 'abandoned') return refuse(whyNotAbandoned(storeId, outcome), NOT_ABANDONED);
  process.stdout.write(
    `${storeId} is DISCONNECTED. GET /custom-key-stores/${storeId}/abandoned of the admin endpoint keeps the list.\n`,
  );
  return ABANDONED;
}

/** Asks. An input that ends, by Ctrl-C or Ctrl-D, has not said yes; readline's own `question` would never return then. */
async function confirmed(): Promise<boolean> {
  const terminal = createInterface({
    input: process.stdin,
    output: process.stdout,
    prompt: 'Abandon? [y/N] ',
  });
  const answered = new Promise<string | undefined>((resolve) => {
    terminal.once('line', resolve).once('close', () => resolve(undefined));
  });
  terminal.prompt();
  const answer = await answered;
  if (answer === undefined) process.stdout.write('\n');
  terminal.close();
  return answer !== undefined && /^y(es)?$/i.test(answer.trim());
}

/** Readable lines on standard error, so that what somebody keeps of it says who abandoned what, and when. */
function ownLog(): Logger {
  const readable = prettyFactory({
    colorize: false,
    singleLine: true,
    translateTime: "UTC:yyyy-mm-dd'T'HH:MM:ss'Z'",
  }) as (line: string) => string;
  return pino({ base: { user: userName() } }, { write: (line) => process.stderr.write(readable(line)) });
}

/** By the system, not by the environment; a container may run under an id that has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

function described({ storeId, name, accountId, leftovers, sessionOpen }: AbandonPreview): string {
  const lines = leftovers.map(leftoverLine);
  if (sessionOpen)
    lines.push('kmsuser may still be logged in to the cluster; the next connect ends that session');
  const heading =
    lines.length === 0
      ? 'Nothing is known to stay behind.'
      : 'Nobody will remove what stays behind, unless a later disconnect finds it:';
  return [`${storeId} (${name}, account ${accountId}) is DISCONNECTING. ${heading}`, ...lines, '']
    .map((line, index) => (index === 0 || line === '' ? line : `  ${line}`))
    .join('\n');
}

function leftoverLine({ kind, providerId, accountId, slot, plannedAt }: Leftover): string {
  const where = slot === '' ? '' : ` in ${slot}`;
  return `${kind} ${providerId ?? '(planned, maybe made)'}${where}, account ${accountId}, since ${plannedAt.toISOString()}`;
}

function refuse(message: string, code: number): number {
  process.stderr.write(`keymoor: ${message}\n`);
  return code;
}
