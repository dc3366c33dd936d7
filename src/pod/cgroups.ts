import { toCgroupsPath } from '../spec/cgroup-path.ts';
import type { Runtime } from './runtimes.ts';
import type { Sandbox } from './sandbox.ts';

/**
 * The cgroup a Pod's containers live under. Where the kubelet names none (crictl, critest) it is one of the
 * Pod's own below podwright's namespace, so that Pods have a cgroup in every case.
 */
export function cgroupParentOf(sandbox: Sandbox, runtime: Runtime, namespace: string): string {
  const asked = sandbox.config.linux?.cgroupParent ?? '';
  if (asked !== '') return asked;
  return runtime.systemdCgroup ? 'system.slice' : `/${namespace}/${sandbox.id}`;
}

/** Whether the Pod's cgroup is podwright's to remove: only one that nobody else asked for. */
export function ownsCgroupParent(sandbox: Sandbox, runtime: Runtime): boolean {
  return (sandbox.config.linux?.cgroupParent ?? '') === '' && !runtime.systemdCgroup;
}

/**
 * OCI `linux.cgroupsPath` of one container. The last part is what cAdvisor recognises: the bare id under
 * cgroupfs, `cri-containerd-<id>.scope` under systemd (`slice:prefix:name`, the slice without its parents).
 */
export function cgroupsPathOf(id: string, sandbox: Sandbox, runtime: Runtime, namespace: string): string {
  const parent = cgroupParentOf(sandbox, runtime, namespace);
  return toCgroupsPath(parent, id, runtime.systemdCgroup);
}
