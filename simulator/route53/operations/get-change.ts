import { z } from 'zod';
import { route53Error } from '../errors';
import { parts, route53Operation } from '../operation';
import { changeInfo } from '../views';

export const getChange = route53Operation({
  method: 'GET',
  path: /^\/change\/(?<Id>[^/]+)$/,
  parameters: z.strictObject({ Id: parts.changeId }),
  run({ world }, accountId, { Id }) {
    const change = world.dnsChanges.get(Id);
    if (change?.accountId !== accountId) {
      throw route53Error('NoSuchChange', `Could not find resource with ID: ${Id}`);
    }
    return { members: { ChangeInfo: changeInfo(change) } };
  },
});
