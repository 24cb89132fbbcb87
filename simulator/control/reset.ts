import type { Route } from './route';

/**
 * `POST /_control/reset`: forgets everything but the certificate authority of the proxies. Requests that a fault holds
 * end undone.
 */
const reset: Route = {
  method: 'POST',
  path: /^\/_control\/reset$/,
  async run({ world, faults, calls, hsms, proxies }) {
    world.reset();
    faults.dropWaiting();
    await hsms.cutUnreachable();
    await proxies.refreshAll();
    await calls.reset();
    return {};
  },
};

export const resetRoutes: Route[] = [reset];
