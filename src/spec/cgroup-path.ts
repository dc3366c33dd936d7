import path from 'node:path';

import { invalidField } from '../lib/errors.ts';

/**
 * OCI `linux.cgroupsPath` for a container in its Pod's cgroup (config-linux.md "Cgroups Path"). cgroupfs joins the
 * two; for systemd runc takes `slice:prefix:name`, the slice without the parents that its own name spells out.
 * cAdvisor finds containers by the last part: the bare id, or `cri-containerd-<id>.scope`. A parent of the
 * other driver's shape means that kubelet and runtime disagree, and is invalidArgument.
 */
export function toCgroupsPath(parent: string, id: string, systemd: boolean): string {
  const base = path.posix.basename(parent);
  const isSlice = base.endsWith('.slice');
  if (systemd && !isSlice) {
    throw mismatch(parent, 'the cgroup driver is systemd, which needs a .slice: set cgroupDriver: systemd for the kubelet, or SystemdCgroup = false here');
  }
  if (!systemd && isSlice) {
    throw mismatch(parent, 'the cgroup driver is cgroupfs, and this is a systemd slice: set SystemdCgroup = true here, or cgroupDriver: cgroupfs for the kubelet');
  }
  return systemd ? `${base}:cri-containerd:${id}` : path.posix.resolve('/', parent, id);
}

function mismatch(parent: string, why: string): Error {
  return invalidField('config.linux.cgroup_parent', parent, why);
}
