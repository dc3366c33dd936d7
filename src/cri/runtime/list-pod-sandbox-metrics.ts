import type { FileSystem } from '../../linux/file-system.ts';
import type { DetailReader } from '../../pod/details.ts';
import type { Parts } from '../../pod/parts.ts';
import type { Sandbox } from '../../pod/sandbox.ts';
import { toPodSandboxMetrics } from '../metrics/pod-metrics.ts';
import type { RpcHandlers } from '../handlers.ts';
import type { CriServices } from '../service.ts';

/** What the metrics RPCs need. */
export interface MetricsDeps {
  readonly parts: Pick<Parts, 'sandboxes' | 'sandboxImage'>;
  readonly details: Pick<DetailReader, 'sandbox'>;
  /** The file system that writable layers are on; undefined while it cannot be asked. */
  readonly fileSystem: () => Promise<FileSystem | undefined>;
}

/**
 * ListPodSandboxMetrics, which a kubelet republishes as its /metrics/cadvisor. Each Pod is encoded as soon as it
 * is read: as objects, those of a full node would take ten times the memory.
 */
export function listPodSandboxMetrics(deps: MetricsDeps, services: CriServices): RpcHandlers['ListPodSandboxMetrics'] {
  return async (_request, { signal }) => {
    const encode = await metricsEncoder(deps, services);
    const pieces: Buffer[] = [];
    for (const sandbox of deps.parts.sandboxes.values()) {
      signal.throwIfAborted();
      const piece = await encode(sandbox);
      if (piece !== undefined) pieces.push(piece);
    }
    return { encoded: Buffer.concat(pieces) };
  };
}

/** Reads a sandbox's metrics into the one item of a List or Stream answer; undefined for one that is not ready. */
export async function metricsEncoder(
  deps: MetricsDeps,
  services: CriServices,
): Promise<(sandbox: Sandbox) => Promise<Buffer | undefined>> {
  const around = { sandboxImage: deps.parts.sandboxImage, fileSystem: await deps.fileSystem() };
  return async (sandbox) => {
    const detail = await deps.details.sandbox(sandbox);
    if (detail === undefined) return undefined;
    return services.encodeResponse('ListPodSandboxMetrics', { podMetrics: [toPodSandboxMetrics(detail, around)] });
  };
}
