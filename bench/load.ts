import { HttpConnection } from './http-connection';

/** Asks as fast as answers come, on so many connections; answers per second. @throws where one is not 200 */
export async function answersPerSecond(
  connections: readonly HttpConnection[],
  request: Buffer,
  forMs: number,
): Promise<number> {
  const start = performance.now();
  const until = start + forMs;
  let answers = 0;
  await Promise.all(
    connections.map(async (connection) => {
      while (performance.now() < until) {
        const { status, body } = await connection.send(request);
        if (status !== 200) throw new Error(`answered ${status}: ${body}`);
        answers += 1;
      }
    }),
  );
  return (answers * 1_000) / (performance.now() - start);
}

/** So many connections to one server. */
export function openConnections(url: string, count: number): Promise<HttpConnection[]> {
  return Promise.all(Array.from({ length: count }, () => HttpConnection.open(url)));
}
