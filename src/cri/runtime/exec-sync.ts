import { invalidField } from '../../lib/errors.ts';
import type { Parts } from '../../pod/parts.ts';
import { execSync as exec } from '../../pod/exec-sync.ts';
import type { RpcHandlers } from '../handlers.ts';
import { maxMessageBytes } from '../service.ts';

// What the answer's fields cost beside the output: three tags with a number each.
const overheadBytes = 64;

/**
 * ExecSync: a command's output and exit code; a code other than 0 is an answer, not an error. The kubelet
 * takes DEADLINE_EXCEEDED for a failed probe and every other error for one it knows nothing of.
 */
export function execSync(parts: Parts): RpcHandlers['ExecSync'] {
  return async (request, { signal }) => {
    const container = parts.containers.get(request.containerId);
    const timeoutS = Number(request.timeout);
    if (timeoutS < 0) throw invalidField('timeout', timeoutS, 'it is in seconds, or 0 for no limit');
    const command = { command: request.cmd, timeoutMs: timeoutS * 1000 };
    const { stdout, stderr, exitCode } = await exec(parts, container, command, signal);
    return { ...fitOutput(stdout, stderr, maxMessageBytes - overheadBytes), exitCode };
  };
}

/**
 * Cuts two streams to what fits into `room` bytes together: each may have half, and what the other leaves. The CRI
 * allows 16 MiB of each, but that is also all that a client takes in one message, and a probe whose answer cannot
 * be sent would count as one that could not be made.
 */
export function fitOutput(stdout: Buffer, stderr: Buffer, room: number): { readonly stdout: Buffer; readonly stderr: Buffer } {
  const out = stdout.subarray(0, Math.max(Math.floor(room / 2), room - stderr.length));
  return { stdout: out, stderr: stderr.subarray(0, room - out.length) };
}
