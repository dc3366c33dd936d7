import { runSandbox } from '../../pod/run-sandbox.ts';
import type { Parts } from '../../pod/parts.ts';
import type { RpcHandlers } from '../handlers.ts';

/** RunPodSandbox: a sandbox that is READY, with its network, or an error and nothing left of it. */
export function runPodSandbox(parts: Parts): RpcHandlers['RunPodSandbox'] {
  return async (request, { signal }) => ({ podSandboxId: await runSandbox(parts, request, signal) });
}
