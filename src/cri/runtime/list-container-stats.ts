import type { ContainerStatsFilter__Output } from '../../types/cri/runtime/v1/ContainerStatsFilter.ts';
import type { Container } from '../../pod/container.ts';
import { idFits, labelsFit } from '../filters.ts';
import type { RpcHandlers } from '../handlers.ts';
import type { StatsDeps } from './stats-deps.ts';
import { toContainerStats } from './stats-message.ts';

/** ListContainerStats: of those that run and fit the filter; one that ends meanwhile is left out. */
export function listContainerStats({ parts, stats, mountpoint }: StatsDeps): RpcHandlers['ListContainerStats'] {
  return async (request) => {
    const chosen = [...parts.containers.values()].filter((container) => statsFit(container, request.filter));
    const read = await stats.running(chosen);
    return { stats: read.map(({ container, usage }) => toContainerStats(container, usage, mountpoint())) };
  };
}

/** Whether a filter of the container stats RPCs lets this container through. */
export function statsFit(container: Container, filter: ContainerStatsFilter__Output | null): boolean {
  if (filter === null) return true;
  return (
    idFits(container.id, filter.id) &&
    idFits(container.sandboxId, filter.podSandboxId) &&
    labelsFit(container.record.config.labels, filter.labelSelector)
  );
}
