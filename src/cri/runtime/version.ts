import type { RpcHandlers } from '../handlers.ts';

/**
 * Version: who answers, without any I/O. The kubelet compares `version` with the version of its own old
 * runtime API, "0.1.0", whatever it asked for, and refuses a runtime that leaves one of the four empty.
 */
export function version(podwright: { readonly version: string }): RpcHandlers['Version'] {
  const response = {
    version: '0.1.0',
    runtimeName: 'podwright',
    runtimeVersion: podwright.version,
    runtimeApiVersion: 'v1',
  };
  return async () => response;
}
