import type { PodSandboxStatsFilter__Output } from '../../types/cri/runtime/v1/PodSandboxStatsFilter.ts';
import type { Sandbox } from '../../pod/sandbox.ts';
import { idFits, labelsFit } from '../filters.ts';
import type { RpcHandlers } from '../handlers.ts';
import type { StatsDeps } from './stats-deps.ts';
import { toPodSandboxStats } from './stats-message.ts';

/** ListPodSandboxStats: of the ready ones that fit; a failing one is left out and does not hide the rest. */
export function listPodSandboxStats({ parts, stats, mountpoint }: StatsDeps): RpcHandlers['ListPodSandboxStats'] {
  return async (request) => {
    const chosen = [...parts.sandboxes.values()].filter((sandbox) => sandboxStatsFit(sandbox, request.filter));
    const read = await stats.ready(chosen);
    return { stats: read.map(({ sandbox, usage }) => toPodSandboxStats(sandbox, usage, mountpoint())) };
  };
}

/** Whether a filter of the sandbox stats RPCs lets this sandbox through. */
export function sandboxStatsFit(sandbox: Sandbox, filter: PodSandboxStatsFilter__Output | null): boolean {
  return filter === null || (idFits(sandbox.id, filter.id) && labelsFit(sandbox.config.labels, filter.labelSelector));
}
