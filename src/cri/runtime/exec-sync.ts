import { CodedError } from '../../lib/errors.ts';
import type { Parts } from '../../pod/parts.ts';
import { execSync as exec } from '../../pod/exec-sync.ts';
import type { RpcHandlers } from '../handlers.ts';

/**
 * ExecSync: a command's output and exit code; a code other than 0 is an answer, not an error. The kubelet
 * takes DEADLINE_EXCEEDED for a failed probe and every other error for one it knows nothing of.
 */
export function execSync(parts: Parts): RpcHandlers['ExecSync'] {
  return async (request, { signal }) => {
    const container = parts.containers.get(request.containerId);
    const timeoutS = Number(request.timeout);
    if (timeoutS < 0) throw new CodedError('invalidArgument', `timeout is ${timeoutS}: seconds, or 0 for no limit`);
    return await exec(parts, container, { command: request.cmd, timeoutMs: timeoutS * 1000 }, signal);
  };
}
