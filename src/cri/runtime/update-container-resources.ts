import { CodedError } from '../../lib/errors.ts';
import type { Parts } from '../../pod/parts.ts';
import { updateContainer } from '../../pod/update-container.ts';
import { checkResources } from '../../spec/validate-resources.ts';
import type { RpcHandlers } from '../handlers.ts';

/** UpdateContainerResources: what is zero or empty stays as it is; ContainerStatus then tells the new values. */
export function updateContainerResources(parts: Parts): RpcHandlers['UpdateContainerResources'] {
  return async (request, { signal }) => {
    const container = parts.containers.get(request.containerId);
    if (request.linux === null) {
      throw new CodedError('invalidArgument', `linux is missing: nothing is asked of container "${container.id}"`);
    }
    checkResources('linux', request.linux);
    await updateContainer(parts, container, request.linux, signal);
    return {};
  };
}
