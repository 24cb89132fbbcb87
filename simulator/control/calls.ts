import type { Route } from './route';

/** `GET /_control/calls?service=&operation=`: newest last. */
const list: Route = {
  method: 'GET',
  path: /^\/_control\/calls$/,
  run: ({ calls }, { query }) =>
    calls.list({
      service: query.get('service') || undefined,
      operation: query.get('operation') || undefined,
    }),
};

export const callRoutes: Route[] = [list];
