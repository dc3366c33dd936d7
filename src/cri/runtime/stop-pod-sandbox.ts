import { untilAborted } from '../../lib/abort.ts';
import type { Parts } from '../../pod/parts.ts';
import { stopSandbox } from '../../pod/stop-sandbox.ts';
import type { RpcHandlers } from '../handlers.ts';

/**
 * StopPodSandbox: idempotent, and a success for a sandbox nobody knows. Once begun it goes on when the
 * caller gives up, so that a retry finds more of it done.
 */
export function stopPodSandbox(parts: Parts): RpcHandlers['StopPodSandbox'] {
  return async (request, { signal }) => {
    const sandbox = parts.sandboxes.find(request.podSandboxId);
    if (sandbox !== undefined) await untilAborted(stopSandbox(parts, sandbox), signal, `stop pod sandbox "${sandbox.id}"`);
    return {};
  };
}
