import { readFile } from 'node:fs/promises';
import type { Config, HandlerConfig } from '../config/config.ts';
import { isRuncShim } from '../config/shim.ts';
import type { Any } from '../containerd/any.ts';
import type { Containerd } from '../containerd/client.ts';
import type { TypeUrls } from '../containerd/typeurl.ts';
import { CodedError, messageOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { KernelFacts } from '../linux/host-facts.ts';
import { Runtimes } from '../pod/runtimes.ts';
import type { Runtime, RuntimeFeatures } from '../pod/runtimes.ts';
import type { BaseSpec } from '../spec/base-spec.ts';
import { decodeJson } from '../spec/json.ts';
import { isKernelAtLeast } from '../spec/kernel-version.ts';

/**
 * The configured runtime handlers with the options their shims get. INVALID_ARGUMENT naming handler and file for a
 * base spec that cannot be read.
 */
export async function buildRuntimes(
  config: Config,
  containerd: Containerd,
  kernel: KernelFacts,
  log: Log,
): Promise<Runtimes> {
  const handlers = Object.entries(config.runtimes.handlers);
  const snapshotters = await containerd.introspection.plugins(['type==io.containerd.snapshotter.v1']);
  const runtimes = handlers.map(async ([name, handler]): Promise<Runtime> => ({
    name,
    type: handler.type,
    options: shimOptions(handler, containerd.types),
    pauseIsPod: !isRuncShim(handler.type),
    systemdCgroup: handler.options.SystemdCgroup,
    snapshotter: snapshotterOf(config, name),
    features: supported(
      await askFeatures(name, handler, containerd, log),
      kernel.kernelVersion,
      snapshotters.find(({ id }) => id === snapshotterOf(config, name))?.capabilities ?? [],
    ),
    cniConfDir: handler.cniConfDir,
    baseSpec: await readBaseSpec(name, handler.baseRuntimeSpec),
    privilegedWithoutHostDevices: handler.privilegedWithoutHostDevices,
    podAnnotations: handler.podAnnotations,
    containerAnnotations: handler.containerAnnotations,
  }));
  return new Runtimes(await Promise.all(runtimes), config.runtimes.default);
}

/** The snapshotter of a handler's containers; the empty name is the default handler. */
export function snapshotterOf({ runtimes, images }: Config, handler: string): string {
  const own = runtimes.handlers[handler === '' ? runtimes.default : handler]?.snapshotter ?? '';
  return own === '' ? images.snapshotter : own;
}

/**
 * What a handler's shim is told. Other shims than runc's have options of another type, and gVisor's starts nothing
 * that comes with any but these. Without a file of its own to name, such a shim is told nothing.
 */
export function shimOptions({ type, options }: Pick<HandlerConfig, 'type' | 'options'>, types: TypeUrls): Any | undefined {
  if (!isRuncShim(type)) {
    const { ConfigPath: configPath, TypeUrl: typeUrl } = options;
    return configPath === '' ? undefined : types.encode('runtimeoptions.v1.Options', { configPath, typeUrl });
  }
  return types.encode('containerd.runc.v1.Options', {
    binaryName: options.BinaryName,
    systemdCgroup: options.SystemdCgroup,
    root: options.Root,
    noPivotRoot: options.NoPivotRoot,
    noNewKeyring: options.NoNewKeyring,
    shimCgroup: options.ShimCgroup,
    ioUid: options.IoUid,
    ioGid: options.IoGid,
    criuImagePath: options.CriuImagePath,
    criuWorkPath: options.CriuWorkPath,
  });
}

async function readBaseSpec(handler: string, file: string): Promise<BaseSpec | undefined> {
  if (file === '') return undefined;
  try {
    const spec = decodeJson(await readFile(file, 'utf8'));
    if (typeof spec === 'object' && spec !== null && !Array.isArray(spec)) return spec as BaseSpec;
    throw new Error('it is no JSON object');
  } catch (error) {
    const what = `base_runtime_spec of the runtime handler "${handler}", "${file}"`;
    throw new CodedError('invalidArgument', `${what}, cannot be used: ${messageOf(error)}`, { cause: error });
  }
}

/** Asks a handler's OCI runtime what it can do. One that does not say is logged and can nothing special. */
async function askFeatures(
  name: string,
  handler: HandlerConfig,
  containerd: Containerd,
  log: Log,
): Promise<RuntimeFeatures> {
  try {
    return readFeatures((await containerd.introspection.runtimeInfo(handler.type, shimOptions(handler, containerd.types))).features);
  } catch (error) {
    log.warn({ handler: name, error: messageOf(error) }, 'a runtime does not say what it can do');
    return noFeatures;
  }
}

/**
 * What of a runtime's features there is with this kernel and this snapshotter: rro and id-mapped mounts need
 * mount_setattr(2), and a user namespace needs overlayfs's id-mapped layers and a snapshotter that shifts owners (containerd's `remap-ids`).
 */
export function supported(features: RuntimeFeatures, kernelVersion: string, snapshotter: readonly string[]): RuntimeFeatures {
  const canSetAttributes = isKernelAtLeast(kernelVersion, '5.12');
  return {
    ...features,
    recursiveReadOnlyMounts: features.recursiveReadOnlyMounts && canSetAttributes,
    userNamespaces:
      features.userNamespaces && isKernelAtLeast(kernelVersion, '5.19') && snapshotter.includes('remap-ids'),
    idMappedMounts: features.idMappedMounts && canSetAttributes,
  };
}

const noFeatures: RuntimeFeatures = {
  recursiveReadOnlyMounts: false,
  userNamespaces: false,
  idMappedMounts: false,
  netDevices: false,
  rdtSchemata: false,
  rdtMonitoring: false,
};

/** Reads `runc features` (OCI runtime-spec, features.md). */
export function readFeatures(features: unknown): RuntimeFeatures {
  if (typeof features !== 'object' || features === null) return noFeatures;
  const { mountOptions, linux } = features as {
    readonly mountOptions?: readonly string[];
    readonly linux?: {
      readonly namespaces?: readonly string[];
      readonly mountExtensions?: { readonly idmap?: { readonly enabled?: boolean } };
      readonly netDevices?: { readonly enabled?: boolean };
      readonly intelRdt?: { readonly schemata?: boolean; readonly monitoring?: boolean };
    };
  };
  const idMappedMounts = linux?.mountExtensions?.idmap?.enabled === true;
  return {
    recursiveReadOnlyMounts: mountOptions?.includes('rro') ?? false,
    userNamespaces: (linux?.namespaces?.includes('user') ?? false) && idMappedMounts,
    idMappedMounts,
    netDevices: linux?.netDevices?.enabled === true,
    rdtSchemata: linux?.intelRdt?.schemata === true,
    rdtMonitoring: linux?.intelRdt?.monitoring === true,
  };
}
