import { fastify } from 'fastify';

/** What `DescribeCustomKeyStores` is compared with: a server with a route that does nothing. `args`: its port. */
async function main(port: number): Promise<void> {
  const app = fastify();
  app.get('/', (_request, reply) => reply.send({}));
  await app.listen({ host: '127.0.0.1', port });
  process.on('SIGTERM', () => process.exit(0));
}

void main(Number(process.argv[2]));
