import { z } from 'zod';
import type { Route } from './route';
import { ControlError, readBody } from './route';
import { FAULT_EFFECTS, FAULT_SERVICES } from '../world/types';

const LONGEST_DELAY_MS = 3_600_000;

/** The operations of the services whose names are this simulator's own: a misspelt one would never happen. */
const OPERATIONS: Partial<Record<(typeof FAULT_SERVICES)[number], readonly string[]>> = {
  hsm: ['Connect', 'ListUsers', 'Login', 'ChangePassword', 'Logout'],
  xks: ['GetHealthStatus', 'GetKeyMetadata', 'Encrypt', 'Decrypt'],
};

const order = z
  .strictObject({
    service: z.enum(FAULT_SERVICES),
    operation: z.string().min(1),
    effect: z.enum(FAULT_EFFECTS),
    code: z.string().min(1).exactOptional(),
    status: z.number().int().min(400).max(599).exactOptional(),
    delayMs: z.number().int().min(0).max(LONGEST_DELAY_MS).exactOptional(),
    times: z.number().int().min(0).default(1),
    accountId: z
      .string()
      .regex(/^\d{12}$/, 'has 12 digits')
      .exactOptional(),
    resourceId: z.string().min(1).exactOptional(),
  })
  .superRefine(({ service, operation }, context) => {
    const known = OPERATIONS[service];
    if (known === undefined || operation === '*' || known.includes(operation)) return;
    context.addIssue({ code: 'custom', path: ['operation'], message: `is none of *, ${known.join(', ')}` });
  });

/** `POST /_control/faults` */
const create: Route = {
  method: 'POST',
  path: /^\/_control\/faults$/,
  run: ({ faults }, { body }) => ({ id: faults.add(readBody(order, body)).id }),
};

/** `GET /_control/faults`: what was ordered and how often it happened. */
const list: Route = {
  method: 'GET',
  path: /^\/_control\/faults$/,
  run: ({ world }) =>
    world.faults.all().map(({ sequence: _, accountId, ...fault }) => ({
      ...fault,
      ...(accountId === '' ? {} : { accountId }),
    })),
};

/** `DELETE /_control/faults`: held requests go on, hanging ones are dropped. */
const removeAll: Route = {
  method: 'DELETE',
  path: /^\/_control\/faults$/,
  run({ faults }) {
    faults.deleteAll();
    return {};
  },
};

/** `DELETE /_control/faults/{id}` */
const remove: Route = {
  method: 'DELETE',
  path: /^\/_control\/faults\/([^/]+)$/,
  run({ faults }, { ids }) {
    const id = ids[0] ?? '';
    if (!faults.delete(id)) throw new ControlError(404, `There is no fault ${id}.`);
    return {};
  },
};

export const faultRoutes: Route[] = [create, list, removeAll, remove];
