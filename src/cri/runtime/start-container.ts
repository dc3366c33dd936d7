import { untilAborted } from '../../lib/abort.ts';
import type { Parts } from '../../pod/parts.ts';
import { startContainer as start } from '../../pod/start-container.ts';
import type { RpcHandlers } from '../handlers.ts';

/** StartContainer: NOT_FOUND for an unknown container, FAILED_PRECONDITION for one that is not just created. */
export function startContainer(parts: Parts): RpcHandlers['StartContainer'] {
  return async (request, { signal }) => {
    const container = parts.containers.get(request.containerId);
    await untilAborted(start(parts, container), signal, `start container "${container.id}"`);
    return {};
  };
}
