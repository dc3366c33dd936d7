import { sendItems } from '../batches.ts';
import type { RpcHandlers } from '../handlers.ts';
import type { CriServices } from '../service.ts';
import { metricsEncoder, type MetricsDeps } from './list-pod-sandbox-metrics.ts';

/** StreamPodSandboxMetrics: those of ListPodSandboxMetrics, each read when its turn has come. */
export function streamPodSandboxMetrics(deps: MetricsDeps, services: CriServices): RpcHandlers['StreamPodSandboxMetrics'] {
  return async (_request, _context, send) => {
    await sendItems([...deps.parts.sandboxes.values()], await metricsEncoder(deps, services), send);
  };
}
