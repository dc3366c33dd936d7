import { untilAborted } from '../../lib/abort.ts';
import type { Parts } from '../../pod/parts.ts';
import { removeSandbox } from '../../pod/remove-sandbox.ts';
import type { RpcHandlers } from '../handlers.ts';

/** RemovePodSandbox: takes its containers with it; a success for a sandbox nobody knows. */
export function removePodSandbox(parts: Parts): RpcHandlers['RemovePodSandbox'] {
  return async (request, { signal }) => {
    const sandbox = parts.sandboxes.find(request.podSandboxId);
    if (sandbox !== undefined) {
      await untilAborted(removeSandbox(parts, sandbox), signal, `remove pod sandbox "${sandbox.id}"`);
    }
    return {};
  };
}
