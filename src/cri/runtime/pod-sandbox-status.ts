import type { Parts } from '../../pod/parts.ts';
import type { RpcHandlers } from '../handlers.ts';
import { toPodSandboxStatus } from './sandbox-message.ts';
import { sandboxInfo } from './verbose-info.ts';

/**
 * PodSandboxStatus; NOT_FOUND for a sandbox nobody knows. `timestamp` and `containers_statuses` stay unset:
 * a kubelet that finds the first asks no container for its status any more.
 */
export function podSandboxStatus(parts: Parts): RpcHandlers['PodSandboxStatus'] {
  return async (request) => {
    const sandbox = parts.sandboxes.get(request.podSandboxId);
    const info = request.verbose ? await sandboxInfo(parts, sandbox) : {};
    return { status: toPodSandboxStatus(sandbox), info };
  };
}
