import type { Parts } from '../../pod/parts.ts';
import { createContainer as create } from '../../pod/create-container.ts';
import type { RpcHandlers } from '../handlers.ts';

/** CreateContainer: NOT_FOUND for an unknown sandbox or an image that was not pulled. */
export function createContainer(parts: Parts): RpcHandlers['CreateContainer'] {
  return async (request, { signal }) => {
    const sandbox = parts.sandboxes.get(request.podSandboxId);
    return { containerId: await create(parts, sandbox, request, signal) };
  };
}
