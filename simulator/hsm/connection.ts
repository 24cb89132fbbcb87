import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { z } from 'zod';
import type { HsmOperation, HsmSession } from './operation';
import { changePassword } from './operations/change-password';
import { listUsers } from './operations/list-users';
import { login } from './operations/login';
import { logout } from './operations/logout';
import { reach } from './reachability';
import type { Pipeline } from '../pipeline';
import { UNANSWERED } from '../pipeline';
import { SimulatedError } from '../simulated-error';
import type { Environment } from '../world/environment';

const OPERATIONS: Record<string, HsmOperation> = {
  ChangePassword: changePassword,
  ListUsers: listUsers,
  Login: login,
  Logout: logout,
};

/** Time that `Connect` takes at pace 1, in ms. */
const CONNECT_TAKES = [100, 300] as const;
/** Longer lines end the connection. */
const LONGEST_LINE = 64 * 1024;
/** Members that may be seen in the list of calls. */
const NOT_SECRET = ['owner', 'securityGroupId', 'username'];

const request = z.looseObject({ id: z.union([z.number(), z.string()]), operation: z.string() });
const connect = z.looseObject({ owner: z.string().min(1), securityGroupId: z.string() });
type Request = z.infer<typeof request>;

/**
 * One connection to a simulated HSM, inside its TLS: lines of JSON, one request at a time, the first one `Connect`.
 * See docs/simulated-hsm-protocol.md.
 */
export class HsmConnection {
  private buffered = '';
  private peer: { owner: string; securityGroupId: string } | undefined;
  private working: Promise<void> = Promise.resolve();

  constructor(
    private readonly environment: Environment,
    private readonly pipeline: Pipeline,
    private readonly hsmId: string,
    private readonly socket: TLSSocket,
    /** the TCP connection below, for resetting it */
    private readonly raw: Socket,
  ) {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.read(text));
    socket.on('error', () => socket.destroy());
  }

  private read(text: string): void {
    this.buffered += text;
    if (this.buffered.length > LONGEST_LINE) {
      this.socket.destroy();
      return;
    }
    const lines = this.buffered.split('\n');
    this.buffered = lines.pop() ?? '';
    for (const line of lines) this.working = this.working.then(() => this.answer(line));
  }

  private async answer(line: string): Promise<void> {
    let parsed: Request;
    try {
      parsed = request.parse(JSON.parse(line));
    } catch {
      this.socket.destroy();
      return;
    }
    try {
      const result = await this.perform(parsed);
      if (result !== UNANSWERED) this.write({ id: parsed.id, result });
    } catch (error) {
      if (error instanceof SimulatedError) {
        this.write({ id: parsed.id, error: { code: error.code, message: error.message } });
        return;
      }
      this.environment.logger.error({ err: error, operation: parsed.operation }, 'the simulated HSM failed');
      this.write({
        id: parsed.id,
        error: { code: 'INTERNAL_ERROR', message: 'The simulator failed: see its log.' },
      });
    }
  }

  private perform(parsed: Request): Promise<object | typeof UNANSWERED> {
    const hsm = this.environment.world.hsms.get(this.hsmId);
    return this.pipeline.perform({
      service: 'hsm',
      operation: parsed.operation,
      accountId: hsm?.accountId ?? '',
      parameters: {
        clusterId: hsm?.clusterId,
        hsmId: this.hsmId,
        ...this.peer,
        ...Object.fromEntries(Object.entries(parsed).filter(([name]) => NOT_SECRET.includes(name))),
      },
      hangUp: (how) => this.hangUp(how),
      work: () => (this.peer === undefined ? this.connect(parsed) : this.run(parsed)),
    });
  }

  private async connect(parsed: Request): Promise<object> {
    const peer = connect.safeParse(parsed);
    if (parsed.operation !== 'Connect' || !peer.success) return this.refuse();
    await this.environment.pace.request(...CONNECT_TAKES);
    const { owner, securityGroupId } = peer.data;
    const reached = reach(this.environment.world, this.hsmId, securityGroupId);
    if (reached === undefined) return this.refuse();
    this.peer = { owner, securityGroupId };
    return { clusterId: reached.cluster.id, hsmId: this.hsmId };
  }

  private async run(parsed: Request): Promise<object> {
    const operation = Object.hasOwn(OPERATIONS, parsed.operation) ? OPERATIONS[parsed.operation] : undefined;
    if (operation === undefined) {
      throw new SimulatedError('UNKNOWN_OPERATION', `There is no operation ${parsed.operation} here.`);
    }
    const parameters = operation.parameters.safeParse(parsed);
    if (!parameters.success) {
      // the messages of the schema name members and types, never values
      throw new SimulatedError('BAD_REQUEST', z.prettifyError(parameters.error));
    }
    await this.environment.pace.request(...operation.takes);
    return operation.run(this.environment, this.session(), parameters.data);
  }

  /** Looked up for each request: the way may have been taken down since `Connect`, or the HSM. */
  private session(): HsmSession {
    const peer = this.peer;
    const reached = peer && reach(this.environment.world, this.hsmId, peer.securityGroupId);
    if (peer === undefined || reached === undefined) return this.refuse();
    return { ...reached, owner: peer.owner };
  }

  private refuse(): never {
    this.socket.destroy();
    throw new SimulatedError('UNREACHABLE', 'There is no way to this HSM.');
  }

  private hangUp(how: 'close' | 'reset'): void {
    if (how === 'reset') this.raw.resetAndDestroy();
    this.socket.destroy();
  }

  private write(message: object): void {
    if (!this.socket.destroyed) this.socket.write(`${JSON.stringify(message)}\n`);
  }
}
