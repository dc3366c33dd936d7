import { CodedError } from '../../lib/errors.ts';
import type { Parts } from '../../pod/parts.ts';
import type { RpcHandlers } from '../handlers.ts';

/**
 * UpdatePodSandboxResources: what the kubelet tells before it writes the Pod's cgroup itself. Kept for
 * PodSandboxStatus; an error here would make it refuse an in-place resize.
 */
export function updatePodSandboxResources(parts: Parts): RpcHandlers['UpdatePodSandboxResources'] {
  return async (request) => {
    const sandbox = parts.sandboxes.get(request.podSandboxId);
    await parts.sandboxLocks.run(sandbox.id, async () => {
      if (!sandbox.isReady) {
        throw new CodedError('failedPrecondition', `update the resources of pod sandbox "${sandbox.id}": it is not ready`);
      }
      const record = {
        ...sandbox.record,
        overhead: request.overhead ?? sandbox.record.overhead,
        resources: request.resources ?? sandbox.record.resources,
      };
      await parts.sandboxRecords.write(sandbox.id, record);
      sandbox.become(record);
    });
    return {};
  };
}
