import type { Parts } from '../../pod/parts.ts';
import type { RpcHandlers } from '../handlers.ts';
import { toContainerStatus } from './container-message.ts';
import { containerInfo } from './verbose-info.ts';

/** ContainerStatus; NOT_FOUND for a container nobody knows. */
export function containerStatus(parts: Parts): RpcHandlers['ContainerStatus'] {
  return async (request) => {
    const container = parts.containers.get(request.containerId);
    const info = request.verbose ? await containerInfo(parts, container) : {};
    return { status: toContainerStatus(container), info };
  };
}
