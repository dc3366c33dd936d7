import type { PodSandboxStatsFilter__Output } from '../../types/cri/runtime/v1/PodSandboxStatsFilter.ts';
import type { Sandbox } from '../../pod/sandbox.ts';
import { idFits, labelsFit } from '../filters.ts';
import type { RpcHandlers } from '../handlers.ts';
import type { StatsDeps } from './stats-deps.ts';
import { toPodSandboxStats } from './stats-message.ts';

/** ListPodSandboxStats: of the ready ones that fit; a failing one is left out and does not hide the rest. */
export function listPodSandboxStats({ parts, stats, mountpoint }: StatsDeps): RpcHandlers['ListPodSandboxStats'] {
  return async (request, { log }) => {
    const chosen = [...parts.sandboxes.values()].filter((sandbox) => sandbox.isReady && sandboxStatsFit(sandbox, request.filter));
    const read = await Promise.allSettled(
      chosen.map(async (sandbox) => toPodSandboxStats(sandbox, await stats.sandbox(sandbox), mountpoint())),
    );
    return {
      stats: read.flatMap((outcome) => {
        if (outcome.status === 'fulfilled') return [outcome.value];
        log.warn({ error: String(outcome.reason) }, 'the stats of a pod sandbox could not be read');
        return [];
      }),
    };
  };
}

/** Whether a filter of the sandbox stats RPCs lets this sandbox through. */
export function sandboxStatsFit(sandbox: Sandbox, filter: PodSandboxStatsFilter__Output | null): boolean {
  return filter === null || (idFits(sandbox.id, filter.id) && labelsFit(sandbox.config.labels, filter.labelSelector));
}
