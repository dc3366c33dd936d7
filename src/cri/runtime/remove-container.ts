import { untilAborted } from '../../lib/abort.ts';
import type { Parts } from '../../pod/parts.ts';
import { removeContainer as remove } from '../../pod/remove-container.ts';
import type { RpcHandlers } from '../handlers.ts';

/** RemoveContainer: kills a running one first; a success for a container nobody knows. */
export function removeContainer(parts: Parts): RpcHandlers['RemoveContainer'] {
  return async (request, { signal }) => {
    const container = parts.containers.find(request.containerId);
    if (container !== undefined) await untilAborted(remove(parts, container), signal, `remove container "${container.id}"`);
    return {};
  };
}
