import { sendItems } from '../batches.ts';
import type { RpcHandlers } from '../handlers.ts';
import type { CriServices } from '../service.ts';
import { statsFit } from './list-container-stats.ts';
import type { StatsDeps } from './stats-deps.ts';
import { toContainerStats } from './stats-message.ts';

/** StreamContainerStats: those of ListContainerStats, each read when its turn has come. */
export function streamContainerStats(deps: StatsDeps, services: CriServices): RpcHandlers['StreamContainerStats'] {
  const { parts, stats, mountpoint } = deps;
  return async ({ filter }, _context, send) => {
    const chosen = [...parts.containers.values()].filter((container) => statsFit(container, filter));
    const encode = async (container: (typeof chosen)[number]): Promise<Buffer | undefined> => {
      const usage = await stats.ifRunning(container);
      if (usage === undefined) return undefined;
      const message = toContainerStats(container, usage, mountpoint());
      return services.encodeResponse('StreamContainerStats', { containerStats: [message] });
    };
    await sendItems(chosen, encode, send);
  };
}
