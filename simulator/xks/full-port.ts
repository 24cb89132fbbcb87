import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';

/** Connections that are tried in order to fill the queue: more than a queue for one takes on any system. */
const FILLERS = 8;

/**
 * Listens, tells the port, and then sleeps for ever: nobody takes a connection from the queue. As text, because a
 * thread loads JavaScript, and this file is not JavaScript everywhere it runs.
 */
const SLEEPER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { createServer } = require('node:net');
  const listen = (port) => {
    const server = createServer();
    server.once('error', () => listen(0));
    server.listen({ port, host: workerData.host, backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });
  };
  listen(workerData.port);
`;

/** A port on which a TCP connection neither comes about nor is refused: its queue is full and stays so. */
export class FullPort {
  private constructor(
    readonly port: number,
    private readonly sleeper: Worker,
    private readonly fillers: Socket[],
  ) {}

  /** On that port where it is free, else on another; on any for 0. */
  static async open(host: string, port: number): Promise<FullPort> {
    const sleeper = new Worker(SLEEPER, { eval: true, workerData: { host, port } });
    const [taken] = (await once(sleeper, 'message')) as [number];
    sleeper.unref();
    const fillers = Array.from({ length: FILLERS }, () => {
      const filler = connect(taken, host).unref();
      return filler.on('error', () => filler.destroy());
    });
    // the first one in the queue: by then the system has seen all of them
    await once(fillers[0] as Socket, 'connect');
    return new FullPort(taken, sleeper, fillers);
  }

  /** Gives the port back. */
  async close(): Promise<void> {
    for (const filler of this.fillers) filler.destroy();
    await this.sleeper.terminate();
  }
}
