import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';

/**
 * Ends connections on which something came that is not HTTP, or that did not come in time. Node.js leaves them to
 * whoever listens for `clientError`, and keeps its half of a connection open until the other side hangs up: a stranger
 * who never does would hold a descriptor of ours for ever.
 */
export class BrokenConnections {
  /** of each connection, the requests whose answers are not sent yet */
  readonly #unanswered = new WeakMap<Socket, Set<IncomingMessage>>();
  readonly #broken = new WeakSet<Socket>();
  readonly #lingerMs: number;

  /** @param lingerMs for whoever sends to read our last word and hang up; then they are cut off */
  constructor(lingerMs: number) {
    this.#lingerMs = lingerMs;
  }

  /** Keeps account of what the server is asked. */
  watch(server: Server): void {
    server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
      const { socket } = request;
      const unanswered = this.#unanswered.get(socket) ?? new Set();
      this.#unanswered.set(socket, unanswered.add(request));
      response.once('close', () => {
        unanswered.delete(request);
        if (this.#broken.has(socket) && !this.#owesAnswers(socket)) this.#hangUp(socket);
      });
    });
  }

  /**
   * Says the last word and ends the connection. Where whole requests came before, their answers are owed: they are
   * sent first, and are the last word. To be called for every `clientError`, of which there may be many for a socket.
   */
  end(socket: Socket, lastWord: () => string): void {
    if (this.#broken.has(socket)) return;
    this.#broken.add(socket);
    if (!socket.writable) {
      socket.destroy();
    } else if (!this.#owesAnswers(socket)) {
      socket.write(lastWord());
      this.#hangUp(socket);
    }
  }

  /** A request that broke off is not one that is owed an answer: nothing was done for it. */
  #owesAnswers(socket: Socket): boolean {
    return [...(this.#unanswered.get(socket) ?? [])].some(({ complete }) => complete);
  }

  /** Not at once: what still comes would be met by a reset, which may take our last word away from its reader. */
  #hangUp(socket: Socket): void {
    if (socket.destroyed) return;
    socket.end();
    const cut = setTimeout(() => socket.destroy(), this.#lingerMs);
    socket.once('close', () => clearTimeout(cut));
  }
}
