import { parseGlob } from '../lib/glob.ts';
import type { LinuxContainerResources__Output } from '../types/cri/runtime/v1/LinuxContainerResources.ts';
import type { PodSandboxConfig__Output } from '../types/cri/runtime/v1/PodSandboxConfig.ts';

type Annotations = Record<string, string>;

/** The annotations whose name one of the globs matches: those that a handler's runtime is to be told. */
export function passedAnnotations(annotations: Readonly<Annotations>, globs: readonly string[]): Annotations {
  if (globs.length === 0) return {};
  const patterns = globs.map((glob) => parseGlob(glob));
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => patterns.some((glob) => glob.matches(name))));
}

/**
 * The annotations by which shims and node tools know a container of a Pod, named as containerd's CRI names
 * them. `sandbox-id` is also what containerd's runc shim groups containers by.
 */
export function containerAnnotations(options: {
  readonly sandboxId: string;
  readonly sandboxConfig: PodSandboxConfig__Output;
  readonly containerName: string;
  readonly imageName: string;
  /** What the runtime is told besides; none of it can pretend to be one of these. */
  readonly passed?: Readonly<Annotations>;
}): Annotations {
  return {
    ...options.passed,
    'io.kubernetes.cri.container-type': 'container',
    ...podAnnotations(options.sandboxId, options.sandboxConfig),
    'io.kubernetes.cri.container-name': options.containerName,
    'io.kubernetes.cri.image-name': options.imageName,
  };
}

/** The annotations of the pause container, with the Pod's initial resources, which VM shims size the guest by. */
export function sandboxAnnotations(options: {
  readonly sandboxId: string;
  readonly sandboxConfig: PodSandboxConfig__Output;
  readonly imageName?: string;
  readonly passed?: Readonly<Annotations>;
}): Annotations {
  const { sandboxId, sandboxConfig, imageName } = options;
  return {
    ...options.passed,
    'io.kubernetes.cri.container-type': 'sandbox',
    ...podAnnotations(sandboxId, sandboxConfig),
    'io.kubernetes.cri.sandbox-log-directory': sandboxConfig.logDirectory,
    ...(imageName === undefined ? {} : { 'io.kubernetes.cri.podsandbox.image-name': imageName }),
    ...resourceAnnotations(sandboxConfig.linux?.resources ?? null),
  };
}

function podAnnotations(sandboxId: string, { metadata }: PodSandboxConfig__Output): Annotations {
  return {
    'io.kubernetes.cri.sandbox-id': sandboxId,
    'io.kubernetes.cri.sandbox-name': metadata?.name ?? '',
    'io.kubernetes.cri.sandbox-namespace': metadata?.namespace ?? '',
    'io.kubernetes.cri.sandbox-uid': metadata?.uid ?? '',
  };
}

function resourceAnnotations(resources: LinuxContainerResources__Output | null): Annotations {
  if (resources === null) return {};
  return {
    'io.kubernetes.cri.sandbox-cpu-period': resources.cpuPeriod,
    'io.kubernetes.cri.sandbox-cpu-quota': resources.cpuQuota,
    'io.kubernetes.cri.sandbox-cpu-shares': resources.cpuShares,
    'io.kubernetes.cri.sandbox-memory': resources.memoryLimitInBytes,
  };
}
