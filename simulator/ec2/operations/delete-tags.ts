import { z } from 'zod';
import { ec2Operation } from '../operation';
import { changeTags } from '../tagged-resources';

/** A tag without a value is deleted whatever its value; no tags at all means all of them. */
export const deleteTags = ec2Operation({
  parameters: z.strictObject({
    Resources: z.array(z.string()).min(1),
    Tags: z.array(z.strictObject({ Key: z.string(), Value: z.string().optional() })).optional(),
  }),
  run({ world }, accountId, { Resources, Tags }) {
    changeTags(world, accountId, Resources, (tags) =>
      tags.filter((tag) =>
        Tags?.every((gone) => gone.Key !== tag.Key || (gone.Value ?? tag.Value) !== tag.Value),
      ),
    );
    return { return: true };
  },
});
