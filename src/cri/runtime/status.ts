import type { RuntimeFeatures, Runtimes } from '../../pod/runtimes.ts';
import type { RpcHandlers } from '../handlers.ts';

/** One of the two questions Status answers: whether it is so, and if not why, in a word and in a sentence. */
export interface Readiness {
  readonly ready: boolean;
  readonly reason: string;
  readonly message: string;
}

export interface StatusParts {
  readonly runtimes: Runtimes;
  readonly runtimeReady: () => Readiness;
  readonly networkReady: () => Readiness;
  /** What `crictl info` shows: each value one JSON text. */
  readonly info: () => Promise<Record<string, string>>;
}

/**
 * Status, every five seconds: only what is known already, so that it answers while containerd is away or a
 * CNI plugin hangs. Both conditions are always there, and so is the handler with the empty name: the default.
 */
export function status(parts: StatusParts): RpcHandlers['Status'] {
  return async (request) => {
    const runtime = parts.runtimeReady();
    const network = parts.networkReady();
    const names = ['', ...parts.runtimes.values().map((one) => one.name)];
    const featuresOf = (name: string): Pick<RuntimeFeatures, 'recursiveReadOnlyMounts' | 'userNamespaces'> => {
      const { recursiveReadOnlyMounts, userNamespaces } = parts.runtimes.get(name).features;
      return { recursiveReadOnlyMounts, userNamespaces };
    };
    return {
      status: {
        conditions: [
          { type: 'RuntimeReady', status: runtime.ready, reason: runtime.reason, message: runtime.message },
          { type: 'NetworkReady', status: network.ready, reason: network.reason, message: network.message },
        ],
      },
      info: request.verbose ? await parts.info() : {},
      runtimeHandlers: names.map((name) => ({ name, features: featuresOf(name) })),
      features: {
        supplementalGroupsPolicy: true,
        userNamespacesHostNetwork: parts.runtimes.get('').features.userNamespaces,
        mountOptions: true,
      },
    };
  };
}
