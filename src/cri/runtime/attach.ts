import { CodedError } from '../../lib/errors.ts';
import type { Parts } from '../../pod/parts.ts';
import type { RpcHandlers } from '../handlers.ts';
import { checkStreams, mustRun, requireId, type Streams } from './streams.ts';

/**
 * Attach: where the client goes for the streams of a container's own process. Whether that has a tty was settled when
 * it was created, and the request has to say the same.
 */
export function attach(parts: Pick<Parts, 'containers'>, streams: Streams): RpcHandlers['Attach'] {
  return async (request) => {
    requireId('container_id', request.containerId);
    const container = parts.containers.get(request.containerId);
    checkStreams(request);
    const { tty } = container.record.config;
    if (request.tty !== tty) {
      throw new CodedError('invalidArgument', `tty is ${request.tty}: container "${container.id}" was created with tty ${tty}`);
    }
    mustRun(container, 'attach to');
    return { url: await streams.attach(container, request) };
  };
}
