import type { Log } from '../../lib/log.ts';
import type { RpcHandlers } from '../handlers.ts';

/**
 * UpdateRuntimeConfig: the node's pod CIDR. Whoever owns the CNI configuration has to know it; podwright
 * reads that configuration and writes none, so the range is only noted.
 */
export function updateRuntimeConfig(parts: { readonly log: Log }): RpcHandlers['UpdateRuntimeConfig'] {
  return async (request) => {
    const podCidr = request.runtimeConfig?.networkConfig?.podCidr ?? '';
    if (podCidr !== '') parts.log.info({ podCidr }, 'the kubelet told the pod CIDR');
    return {};
  };
}
