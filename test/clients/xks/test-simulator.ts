import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** As much of the simulator as the client asks for: `/_network/names` and `/_network/ca`. */
export interface TestSimulator {
  url: string;
  names: Map<string, { host: string; port: number }>;
  /** undefined: answers 500 */
  ca: string | undefined;
  caFetches: number;
  /** questions about a name, those that were left without an answer among them */
  nameQuestions: number;
  /** instead of the next answer about a name */
  nextAnswer: { status: number; body: string } | undefined;
  /** what an answer about a name waits for */
  slowness: Promise<void>;
  /** answers nothing */
  hang: boolean;
  reset(): void;
  close(): Promise<void>;
}

/** Starts one that knows no name. */
export async function startTestSimulator(): Promise<TestSimulator> {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://simulator');
    if (url.pathname === '/_network/names') simulator.nameQuestions++;
    if (simulator.hang) return;
    if (url.pathname === '/_network/ca') {
      simulator.caFetches++;
      response.writeHead(simulator.ca === undefined ? 500 : 200).end(simulator.ca);
      return;
    }
    const way = simulator.names.get(url.searchParams.get('host') ?? '');
    const known =
      way === undefined
        ? { status: 404, body: '{"message":"no"}' }
        : { status: 200, body: JSON.stringify(way) };
    const { status, body } = simulator.nextAnswer ?? known;
    simulator.nextAnswer = undefined;
    void simulator.slowness.then(() =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(body),
    );
  });
  server.on('connection', (socket) => sockets.add(socket));
  const simulator: TestSimulator = {
    url: '',
    names: new Map(),
    ca: undefined,
    caFetches: 0,
    nameQuestions: 0,
    nextAnswer: undefined,
    slowness: Promise.resolve(),
    hang: false,
    reset() {
      Object.assign(simulator, {
        ca: undefined,
        caFetches: 0,
        nameQuestions: 0,
        nextAnswer: undefined,
        slowness: Promise.resolve(),
        hang: false,
      });
      simulator.names.clear();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  simulator.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return simulator;
}
