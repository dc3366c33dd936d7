import { CodedError, invalidField } from '../../lib/errors.ts';
import type { Parts } from '../../pod/parts.ts';
import type { RpcHandlers } from '../handlers.ts';
import { requireId, type Streams } from './streams.ts';

/** PortForward: where the client goes for connections to ports inside the Pod's network. */
export function portForward(parts: Pick<Parts, 'sandboxes'>, streams: Streams): RpcHandlers['PortForward'] {
  return async (request) => {
    requireId('pod_sandbox_id', request.podSandboxId);
    const sandbox = parts.sandboxes.get(request.podSandboxId);
    const wrong = request.port.find((port) => port < 1 || port > 65_535);
    if (wrong !== undefined) throw invalidField('port', wrong, 'must be 1 to 65535');
    if (!sandbox.isReady) {
      throw new CodedError('failedPrecondition', `forward ports to pod sandbox "${sandbox.id}": it is not ready`);
    }
    return { url: await streams.portForward(sandbox, request.port) };
  };
}
