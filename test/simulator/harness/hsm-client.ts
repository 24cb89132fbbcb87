import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { connect } from 'node:tls';
import type { TestSimulator } from './simulator';

/** What an HSM answers: the result, or `{ error: code }`. */
export type HsmAnswer = Record<string, unknown> & { error?: string };

/** A connector of docs/simulated-hsm-protocol.md, written anew from that page. */
export class HsmClient {
  private lines: string[] = [];
  private buffered = '';
  private wake: () => void = () => undefined;
  private nextId = 1;

  private constructor(readonly socket: TLSSocket) {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      const parts = (this.buffered + text).split('\n');
      this.buffered = parts.pop() ?? '';
      this.lines.push(...parts);
      this.wake();
    });
    socket.on('error', () => this.wake());
    socket.on('close', () => this.wake());
  }

  /** TLS to the HSM at an address, trusting one CA alone. */
  static async open(
    simulator: TestSimulator,
    address: string,
    groupId: string,
    ca: string,
  ): Promise<HsmClient> {
    const route = `/_network/routes?address=${address}&securityGroupId=${groupId}`;
    const { status, body } = await simulator.call('GET', route);
    if (status !== 200) throw new Error('no route');
    const { host, port } = body as { host: string; port: number };
    const socket = connect({ host, port, ca, checkServerIdentity: () => undefined });
    await once(socket, 'secureConnect');
    return new HsmClient(socket);
  }

  /** Sends a request and waits for its answer; `{ error: 'closed' }` when the connection ends instead. */
  async ask(operation: string, members: Record<string, unknown> = {}): Promise<HsmAnswer> {
    const id = this.nextId++;
    this.socket.write(`${JSON.stringify({ id, operation, ...members })}\n`);
    while (this.lines.length === 0) {
      if (this.socket.destroyed) return { error: 'closed' };
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    const answer = JSON.parse(this.lines.shift() ?? '') as {
      id: number;
      result?: Record<string, unknown>;
      error?: { code: string };
    };
    if (answer.id !== id) throw new Error('the answer is to another request');
    return answer.error === undefined ? { ...answer.result } : { error: answer.error.code };
  }

  close(): void {
    this.socket.destroy();
  }
}
