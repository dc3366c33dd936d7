import type { Parts } from '../../pod/parts.ts';
import { checkCommand } from '../../spec/exec-process.ts';
import type { RpcHandlers } from '../handlers.ts';
import { checkStreams, mustRun, requireId, type Streams } from './streams.ts';

/** Exec: where the client goes for the streams of a command, which begins when it comes. */
export function exec(parts: Pick<Parts, 'containers'>, streams: Streams): RpcHandlers['Exec'] {
  return async (request) => {
    requireId('container_id', request.containerId);
    const container = parts.containers.get(request.containerId);
    checkStreams(request);
    checkCommand(request.cmd);
    mustRun(container, 'exec in');
    return { url: await streams.exec(container, request.cmd, request) };
  };
}
