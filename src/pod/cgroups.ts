import path from 'node:path';
import { messageOf } from '../lib/errors.ts';
import { toCgroupsPath } from '../spec/cgroup-path.ts';
import type { Parts } from './parts.ts';
import type { Runtime } from './runtimes.ts';
import type { Sandbox } from './sandbox.ts';

const everybodysSlice = 'system.slice';

type CgroupParts = Pick<Parts, 'log' | 'kernel' | 'runtimes' | 'namespace'>;

/**
 * The cgroup a Pod's containers live under. Where the kubelet names none (crictl, critest) it is one of the Pod's own,
 * so that Pods have a cgroup that tells their usage and their kills for memory in every case.
 */
export function cgroupParentOf(sandbox: Sandbox, runtime: Runtime, namespace: string): string {
  const asked = sandbox.config.linux?.cgroupParent ?? '';
  if (asked !== '') return asked;
  return runtime.systemdCgroup ? `/podwright.slice/${ownSlice(sandbox.id)}` : ownCgroup(namespace, sandbox.id);
}

/**
 * The cgroup that all of a Pod is in and nobody else; undefined where it has none. What is in systemd's own slice,
 * if somebody puts a Pod there, is the whole node's.
 */
export function podCgroup(sandbox: Sandbox, runtime: Runtime, namespace: string): string | undefined {
  const parent = cgroupParentOf(sandbox, runtime, namespace);
  return path.posix.basename(parent) === everybodysSlice ? undefined : parent;
}

/** Removes the Pod's cgroup where it is podwright's: one that the kubelet asked for is the kubelet's to remove. */
export async function removeOwnCgroup(parts: CgroupParts, sandbox: Sandbox): Promise<void> {
  const isOwn = (sandbox.config.linux?.cgroupParent ?? '') === '';
  const { systemdCgroup } = parts.runtimes.of(sandbox.record.runtimeHandler);
  if (isOwn) await removeCgroupOf(parts, sandbox.id, systemdCgroup);
}

/** Removes the cgroup that the sandbox of this id had if nobody named one for it. */
export async function removeCgroupOf(parts: CgroupParts, sandboxId: string, systemd: boolean): Promise<void> {
  if (!systemd) return await parts.kernel.removeCgroup(ownCgroup(parts.namespace, sandboxId));
  try {
    await parts.kernel.stopSlice(ownSlice(sandboxId));
  } catch (error) {
    // Nothing is in it any more, and an empty slice is no reason to keep the Pod.
    parts.log.warn({ podSandboxId: sandboxId, error: messageOf(error) }, 'the slice of a pod sandbox could not be stopped');
  }
}

/** The cgroup that a Pod gets where nobody names one and cgroups are not systemd's. */
function ownCgroup(namespace: string, sandboxId: string): string {
  return `/${namespace}/${sandboxId}`;
}

/** The same where they are: systemd makes it with the first scope in it. */
function ownSlice(sandboxId: string): string {
  return `podwright-${sandboxId}.slice`;
}

/**
 * OCI `linux.cgroupsPath` of one container. The last part is what cAdvisor recognises: the bare id under
 * cgroupfs, `cri-containerd-<id>.scope` under systemd (`slice:prefix:name`, the slice without its parents).
 */
export function cgroupsPathOf(id: string, sandbox: Sandbox, runtime: Runtime, namespace: string): string {
  const parent = cgroupParentOf(sandbox, runtime, namespace);
  return toCgroupsPath(parent, id, runtime.systemdCgroup);
}
