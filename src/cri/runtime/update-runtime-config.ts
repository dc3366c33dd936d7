import type { RpcHandlers } from '../handlers.ts';

export interface UpdateRuntimeConfigDeps {
  readonly network: {
    /** Takes in the node's Pod CIDR, which is never empty. */
    podCidr(text: string): Promise<void>;
  };
}

/** UpdateRuntimeConfig: the node's Pod CIDR, from which a network configuration is made where one is wanted. */
export function updateRuntimeConfig({ network }: UpdateRuntimeConfigDeps): RpcHandlers['UpdateRuntimeConfig'] {
  return async (request) => {
    const podCidr = request.runtimeConfig?.networkConfig?.podCidr ?? '';
    if (podCidr !== '') await network.podCidr(podCidr);
    return {};
  };
}
