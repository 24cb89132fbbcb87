import type { FastifyInstance } from 'fastify';

/** `GET /probes?requestId=`: nothing is probed before there are external key stores, so nothing is ever found. */
export function probeRoute(app: FastifyInstance): void {
  app.get('/probes', (_request, reply) =>
    reply.code(404).send({ message: 'Nothing is kept about a request with this id.' }),
  );
}
