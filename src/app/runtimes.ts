import type { Config } from '../config/config.ts';
import type { Containerd } from '../containerd/client.ts';
import { messageOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { HandlerFeatures } from '../cri/runtime/status.ts';
import type { KernelFacts } from '../linux/host-facts.ts';
import { Runtimes } from '../pod/runtimes.ts';
import type { HostFacts } from '../spec/host-facts.ts';
import { isKernelAtLeast } from '../spec/kernel-version.ts';

/** The configured runtime handlers with the options their shims get. */
export function buildRuntimes(config: Config, containerd: Containerd): Runtimes {
  const runtimes = Object.entries(config.runtimes.handlers).map(([name, { type, options }]) => ({
    name,
    type,
    options: containerd.types.encode('containerd.runc.v1.Options', {
      binaryName: options.BinaryName,
      systemdCgroup: options.SystemdCgroup,
    }),
    systemdCgroup: options.SystemdCgroup,
    snapshotter: config.images.snapshotter,
  }));
  return new Runtimes(runtimes, config.runtimes.default);
}

/**
 * Asks every handler's OCI runtime what it can do. One that does not say can nothing special: that is logged
 * and no reason not to serve.
 */
export async function askFeatures(
  config: Config,
  containerd: Containerd,
  log: Log,
): Promise<ReadonlyMap<string, HandlerFeatures>> {
  const asked = Object.entries(config.runtimes.handlers).map(async ([name, { type, options }]) => {
    try {
      const { features } = await containerd.introspection.runtimeInfo(type, {
        binaryName: options.BinaryName,
        systemdCgroup: options.SystemdCgroup,
      });
      return [name, readFeatures(features)] as const;
    } catch (error) {
      log.warn({ handler: name, error: messageOf(error) }, 'a runtime does not say what it can do');
      return [name, noFeatures] as const;
    }
  });
  return new Map(await Promise.all(asked));
}

const noFeatures: HandlerFeatures = { recursiveReadOnlyMounts: false, userNamespaces: false };

/** Reads `runc features` (OCI runtime-spec, features.md). */
export function readFeatures(features: unknown): HandlerFeatures {
  if (typeof features !== 'object' || features === null) return noFeatures;
  const { mountOptions, linux } = features as {
    readonly mountOptions?: readonly string[];
    readonly linux?: {
      readonly namespaces?: readonly string[];
      readonly mountExtensions?: { readonly idmap?: { readonly enabled?: boolean } };
    };
  };
  return {
    recursiveReadOnlyMounts: mountOptions?.includes('rro') ?? false,
    userNamespaces: (linux?.namespaces?.includes('user') ?? false) && linux?.mountExtensions?.idmap?.enabled === true,
  };
}

/** What spec building has to know of the host: the kernel's facts, and what runtime and kernel can only do together. */
export function hostFacts(kernel: KernelFacts, features: HandlerFeatures = noFeatures): HostFacts {
  const hasMountSetattr = isKernelAtLeast(kernel.kernelVersion, '5.12');
  return { ...kernel, rroSupported: hasMountSetattr && features.recursiveReadOnlyMounts };
}
