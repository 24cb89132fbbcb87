import { z } from 'zod';

/** `TagList` of the model. */
export const tagList = z
  .array(z.strictObject({ Key: z.string().min(1).max(128), Value: z.string().max(256) }))
  .max(50);
