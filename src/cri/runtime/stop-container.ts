import { untilAborted } from '../../lib/abort.ts';
import type { Parts } from '../../pod/parts.ts';
import { stopContainer as stop } from '../../pod/stop-container.ts';
import type { RpcHandlers } from '../handlers.ts';

/**
 * StopContainer: "idempotent, and must not return an error if the container has already been stopped" or
 * is unknown. A caller that gives up in the middle changes nothing: the kill still comes when it is due.
 */
export function stopContainer(parts: Parts): RpcHandlers['StopContainer'] {
  return async (request, { signal }) => {
    const container = parts.containers.find(request.containerId);
    if (container !== undefined) {
      const graceMs = Number(request.timeout) * 1000;
      await untilAborted(stop(parts, container, graceMs), signal, `stop container "${container.id}"`);
    }
    return {};
  };
}
