import { z } from 'zod';
import { ec2Operation, parts } from '../operation';
import { changeTags } from '../tagged-resources';
import { mergeTags } from '../../world/tags';

export const createTags = ec2Operation({
  parameters: z.strictObject({ Resources: z.array(z.string()).min(1), Tags: parts.tags }),
  run({ world }, accountId, { Resources, Tags }) {
    changeTags(world, accountId, Resources, (tags) => mergeTags(tags, Tags));
    return { return: true };
  },
});
