import { toCgroupsPath } from '../spec/cgroup-path.ts';
import type { Parts } from './parts.ts';
import type { Runtime } from './runtimes.ts';
import type { Sandbox } from './sandbox.ts';

const everybodysSlice = 'system.slice';

/**
 * The cgroup a Pod's containers live under. Where the kubelet names none (crictl, critest) it is one of the
 * Pod's own below podwright's namespace, so that Pods have a cgroup in every case.
 */
export function cgroupParentOf(sandbox: Sandbox, runtime: Runtime, namespace: string): string {
  const asked = sandbox.config.linux?.cgroupParent ?? '';
  if (asked !== '') return asked;
  return runtime.systemdCgroup ? everybodysSlice : ownCgroup(namespace, sandbox.id);
}

/**
 * The cgroup that all of a Pod is in and nobody else; undefined where it has none. What is in systemd's own slice,
 * where Pods without a parent go, is the whole node's.
 */
export function podCgroup(sandbox: Sandbox, runtime: Runtime, namespace: string): string | undefined {
  const parent = cgroupParentOf(sandbox, runtime, namespace);
  return parent === everybodysSlice ? undefined : parent;
}

/** The cgroup that a Pod gets where nobody names one and cgroups are not systemd's. */
export function ownCgroup(namespace: string, sandboxId: string): string {
  return `/${namespace}/${sandboxId}`;
}

/** Removes the Pod's cgroup where it is podwright's: one that the kubelet asked for is the kubelet's to remove. */
export async function removeOwnCgroup(parts: Pick<Parts, 'kernel' | 'runtimes' | 'namespace'>, sandbox: Sandbox): Promise<void> {
  const runtime = parts.runtimes.of(sandbox.record.runtimeHandler);
  const isOwn = (sandbox.config.linux?.cgroupParent ?? '') === '' && !runtime.systemdCgroup;
  if (isOwn) await parts.kernel.removeCgroup(cgroupParentOf(sandbox, runtime, parts.namespace));
}

/**
 * OCI `linux.cgroupsPath` of one container. The last part is what cAdvisor recognises: the bare id under
 * cgroupfs, `cri-containerd-<id>.scope` under systemd (`slice:prefix:name`, the slice without its parents).
 */
export function cgroupsPathOf(id: string, sandbox: Sandbox, runtime: Runtime, namespace: string): string {
  const parent = cgroupParentOf(sandbox, runtime, namespace);
  return toCgroupsPath(parent, id, runtime.systemdCgroup);
}
