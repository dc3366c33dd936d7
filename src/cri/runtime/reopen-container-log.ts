import { CodedError } from '../../lib/errors.ts';
import type { Parts } from '../../pod/parts.ts';
import type { RpcHandlers } from '../handlers.ts';

/**
 * ReopenContainerLog: the file exists anew at the same path when this answers. A container that does not
 * run writes nothing any more: an error, and no file, or the kubelet would rotate an empty one for ever.
 */
export function reopenContainerLog(parts: Parts): RpcHandlers['ReopenContainerLog'] {
  return async (request) => {
    const container = parts.containers.get(request.containerId);
    if (container.state !== 'CONTAINER_RUNNING') {
      throw new CodedError(
        'failedPrecondition',
        `reopen the log of container "${container.id}": it is ${container.state}, not running`,
      );
    }
    await parts.logs.reopen(container.id);
    return {};
  };
}
