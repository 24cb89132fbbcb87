import type { FastifyInstance } from 'fastify';
import type { Database } from '../../database/database';
import type { Temporal } from '../../temporal/client';
import { withDeadline } from '../deadline';

/** An engine that does not answer in this time counts as down: within the contract's five seconds. */
const CHECK_MS = 3_000;

/** `GET /healthz`: the process runs. `GET /readyz`: whether it can serve; Temporal's absence does not stop it. */
export function healthRoutes(
  app: FastifyInstance,
  engines: { database: Database; temporal: Pick<Temporal, 'check'> },
): void {
  app.get('/healthz', () => ({ status: 'up' }));

  app.get('/readyz', async (_request, reply) => {
    const [database, temporal] = await Promise.all([
      answers(engines.database),
      engines.temporal.check(CHECK_MS),
    ]);
    return reply
      .code(database ? 200 : 503)
      .send({ database: database ? 'up' : 'down', temporal: temporal ? 'up' : 'down' });
  });
}

/** Whether the schema is there and answers; a bare `SELECT 1` would call a database ready that was never migrated. */
async function answers(database: Database): Promise<boolean> {
  const asked = database.pool.query('SELECT 1 FROM custom_key_stores LIMIT 1');
  return withDeadline(asked, CHECK_MS, 'the database').then(
    () => true,
    () => false,
  );
}
