import { sendItems } from '../batches.ts';
import type { RpcHandlers } from '../handlers.ts';
import type { CriServices } from '../service.ts';
import { sandboxStatsFit } from './list-pod-sandbox-stats.ts';
import type { StatsDeps } from './stats-deps.ts';
import { toPodSandboxStats } from './stats-message.ts';

/** StreamPodSandboxStats: those of ListPodSandboxStats, each read when its turn has come. */
export function streamPodSandboxStats(deps: StatsDeps, services: CriServices): RpcHandlers['StreamPodSandboxStats'] {
  const { parts, stats, mountpoint } = deps;
  return async ({ filter }, _context, send) => {
    const chosen = [...parts.sandboxes.values()].filter((sandbox) => sandboxStatsFit(sandbox, filter));
    const encode = async (sandbox: (typeof chosen)[number]): Promise<Buffer | undefined> => {
      const usage = await stats.ifReady(sandbox);
      if (usage === undefined) return undefined;
      const message = toPodSandboxStats(sandbox, usage, mountpoint());
      return services.encodeResponse('StreamPodSandboxStats', { podSandboxStats: [message] });
    };
    await sendItems(chosen, encode, send);
  };
}
