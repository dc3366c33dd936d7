import type { RpcHandlers } from '../handlers.ts';
import type { StatsDeps } from './stats-deps.ts';
import { toPodSandboxStats } from './stats-message.ts';

/**
 * PodSandboxStats; NOT_FOUND for a sandbox nobody knows, also for the empty id with which the kubelet asks
 * at its start whether there are such stats at all.
 */
export function podSandboxStats({ parts, stats, mountpoint }: StatsDeps): RpcHandlers['PodSandboxStats'] {
  return async (request) => {
    const sandbox = parts.sandboxes.get(request.podSandboxId);
    return { stats: toPodSandboxStats(sandbox, await stats.sandbox(sandbox), mountpoint()) };
  };
}
