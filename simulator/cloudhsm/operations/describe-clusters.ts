import { z } from 'zod';
import { clusterState } from '../../world/clusters';
import type { Cluster } from '../../world/types';
import { clusterView } from '../cluster-view';
import { invalidRequest } from '../errors';
import { cloudHsmOperation } from '../operation';

const LARGEST_PAGE = 100;

const FILTERS: Record<string, (cluster: Cluster) => string> = {
  clusterIds: (cluster) => cluster.id,
  vpcIds: (cluster) => cluster.vpcId,
  states: clusterState,
};

/** Ids that are unknown give an empty list, not an error. */
export const describeClusters = cloudHsmOperation({
  parameters: z.strictObject({
    Filters: z.record(z.string(), z.array(z.string())).optional(),
    NextToken: z.string().max(256).optional(),
    MaxResults: z.number().int().min(1).max(LARGEST_PAGE).optional(),
  }),
  run({ world }, accountId, { Filters, NextToken, MaxResults }) {
    const filters = Object.entries(Filters ?? {});
    const ids = Filters?.['clusterIds'];
    const candidates =
      ids === undefined
        ? world.clusters.ofAccount(accountId)
        : ids.flatMap((id) => world.clusters.get(id) ?? []).filter((one) => one.accountId === accountId);
    const found = candidates.filter((cluster) => {
      if (cluster.goneAt !== undefined && cluster.goneAt <= Date.now()) return false;
      return filters.every(([name, values]) => {
        const value = FILTERS[name];
        if (value === undefined) throw invalidRequest(`Unknown filter: ${name}.`);
        return values.includes(value(cluster));
      });
    });
    const start = NextToken === undefined ? 0 : Number(Buffer.from(NextToken, 'base64url').toString());
    if (!Number.isInteger(start) || start < 0) throw invalidRequest('NextToken is not valid.');
    const end = start + (MaxResults ?? LARGEST_PAGE);
    return {
      Clusters: found.slice(start, end).map((cluster) => clusterView(world, cluster)),
      ...(end < found.length ? { NextToken: Buffer.from(String(end)).toString('base64url') } : {}),
    };
  },
});
