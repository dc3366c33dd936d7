import type { RpcHandlers } from '../handlers.ts';
import type { StatsDeps } from './stats-deps.ts';
import { toContainerStats } from './stats-message.ts';

/** ContainerStats; NOT_FOUND for a container nobody knows. One that has ended still has its layer. */
export function containerStats({ parts, stats, mountpoint }: StatsDeps): RpcHandlers['ContainerStats'] {
  return async (request) => {
    const container = parts.containers.get(request.containerId);
    return { stats: toContainerStats(container, await stats.container(container), mountpoint()) };
  };
}
