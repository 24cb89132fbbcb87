import { callRoutes } from './calls';
import { clusterRoutes } from './clusters';
import { endpointServiceRoutes } from './endpoint-services';
import { faultRoutes } from './faults';
import { inventoryRoutes } from './inventory';
import { resetRoutes } from './reset';
import type { Control, Route } from './route';
import { ControlError } from './route';
import { subnetRoutes } from './subnets';
import { xksProxyRoutes } from './xks-proxies';
import type { Answer } from '../http/answer';
import { json } from '../http/answer';
import type { HttpCall } from '../http/http-call';
import { SimulatedError } from '../simulated-error';

const ROUTES: Route[] = [
  ...clusterRoutes,
  ...subnetRoutes,
  ...endpointServiceRoutes,
  ...xksProxyRoutes,
  ...faultRoutes,
  ...inventoryRoutes,
  ...callRoutes,
  ...resetRoutes,
];

/** The control API: JSON, unsigned. */
export async function answerControl(control: Control, call: HttpCall): Promise<Answer> {
  const path = call.url.pathname;
  const route = ROUTES.find((one) => one.method === call.method && one.path.test(path));
  if (route === undefined) return json(404, { message: `There is no ${call.method} ${path}.` });
  try {
    const ids = (route.path.exec(path) ?? []).slice(1).map(decodeURIComponent);
    const answer = await route.run(control, {
      ids,
      query: call.url.searchParams,
      body: parseJson(call.body),
    });
    control.world.commit();
    return json(200, answer);
  } catch (error) {
    if (error instanceof ControlError) return json(error.status, { message: error.message });
    if (error instanceof SimulatedError) return json(400, { message: error.message });
    control.logger.error({ err: error, path }, 'the simulator failed');
    return json(500, { message: 'The simulator failed: see its log.' });
  }
}

function parseJson(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    throw new ControlError(400, 'The body is not JSON.');
  }
}
