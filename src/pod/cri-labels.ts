import type { ContainerConfig__Output } from '../types/cri/runtime/v1/ContainerConfig.ts';
import type { PodSandboxConfig__Output } from '../types/cri/runtime/v1/PodSandboxConfig.ts';
import { jsonAny } from './anys.ts';
import type { Any } from './ports.ts';
import type { Sandbox } from './sandbox.ts';

/** Tells sandboxes' records from containers'; cAdvisor takes network counters only from `sandbox`. */
export const kindLabel = 'io.cri-containerd.kind';

/** containerd limits a label to 4096 bytes, key and value together, and wants a key; annotations go elsewhere for that. */
const labelLimit = 4096;

/** Where containerd's CRI keeps a sandbox's metadata, and node tools look for it. */
export const sandboxExtensionName = 'io.cri-containerd.sandbox.metadata';

/** Marks a pause container as podwright's own, which its labels do not: containerd's CRI sets the same. */
export const pauseExtensionName = 'podwright.dev/sandbox';

/** The content of that mark; the sandbox's record is kept elsewhere. */
export function pauseExtension(): Any {
  return jsonAny('podwright.dev/sandbox/v1', { version: 1 });
}

/** Where podwright keeps a container's record, and the CRI's config that belongs to it. */
export const containerExtensionName = 'podwright.dev/container';
export const containerConfigExtensionName = 'podwright.dev/container-config';

/** The containerd labels of a pause container: the Pod's own, and what it is. */
export function sandboxLabels(config: PodSandboxConfig__Output): Record<string, string> {
  return { ...fitting(config.labels), [kindLabel]: 'sandbox' };
}

/** The containerd labels of a container: its own (io.kubernetes.pod.*, io.kubernetes.container.name) and what it is. */
export function containerLabels(config: ContainerConfig__Output): Record<string, string> {
  return { ...fitting(config.labels), [kindLabel]: 'container' };
}

/** A sandbox's metadata in the shape containerd's CRI writes it, for the tools that read that. */
export function sandboxExtension(sandbox: Sandbox): Any {
  const { record } = sandbox;
  return jsonAny('github.com/containerd/cri/pkg/store/sandbox/Metadata', {
    Version: 'v1',
    Metadata: {
      ID: record.id,
      Name: record.name,
      Config: snakeConfig(record.config),
      NetNSPath: record.namespaces.net ?? '',
      IP: record.network?.ip ?? '',
      AdditionalIPs: record.network?.additionalIps ?? [],
      RuntimeHandler: record.runtimeHandler,
    },
  });
}

/** The parts of the Pod's config that readers of that extension use, under their CRI field names. */
function snakeConfig(config: PodSandboxConfig__Output): object {
  return {
    metadata: config.metadata,
    hostname: config.hostname,
    log_directory: config.logDirectory,
    labels: config.labels,
    annotations: config.annotations,
    linux: { cgroup_parent: config.linux?.cgroupParent ?? '' },
  };
}

function fitting(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).filter(
      ([key, value]) => key !== '' && Buffer.byteLength(key) + Buffer.byteLength(value) <= labelLimit,
    ),
  );
}
