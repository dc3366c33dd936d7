import { mkdir } from 'node:fs/promises';
import os from 'node:os';
import { Turns } from '../lib/turns.ts';
import { readCgroupStats } from '../linux/cgroup-read.ts';
import { cgroupOomKills, removeCgroup } from '../linux/cgroup.ts';
import { makeDeviceNodes } from '../linux/device-nodes.ts';
import { devicesAt, hostDevices } from '../linux/devices.ts';
import { copyTree } from '../linux/copy-tree.ts';
import { pathInRoot } from '../linux/inroot.ts';
import { mountShifted } from '../linux/layers.ts';
import { isMountPoint, mountAll, mountShm, umountBelow } from '../linux/mount.ts';
import { readMountinfo } from '../linux/mountinfo.ts';
import { pinNamespaces, unpinNamespaces, writeNetworkSysctls } from '../linux/namespaces.ts';
import { readNetnsCounters } from '../linux/net-dev.ts';
import { setOomScore } from '../linux/oom-score.ts';
import { rdtClasses } from '../linux/resctrl.ts';
import { knowsLabel, relabel } from '../linux/selinux.ts';
import { stopSlice } from '../linux/slice.ts';
import { pinUserNamespaces } from '../linux/user-namespaces.ts';
import { giveWorkingDir } from '../linux/working-dir.ts';
import type { KernelPort } from '../pod/kernel.ts';
import type { DefaultApparmor } from './apparmor.ts';

/** A device's permissions where its spec says none (config-linux.md "Devices"). */
const defaultMode = 0o666;

/** The real kernel, as the Pod layer asks for it, with the cgroups of the given version and what knows of AppArmor. */
export function linuxKernel(cgroupVersion: 1 | 2, apparmor: Pick<DefaultApparmor, 'profiles'>): KernelPort {
  // Usage is read synchronously, as `readCgroupStats` tells.
  const turns = new Turns();
  return {
    async pinNamespaces({ dir, net, uts, ipc, hostname, sysctls, user }) {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const request = {
        dir,
        net,
        uts,
        ipc,
        hostname,
        sysctls: Object.fromEntries(sysctls.map(({ name, value }) => [name, value])),
      };
      return user === undefined
        ? pinNamespaces(request)
        : await pinUserNamespaces({ ...request, uidMap: user.uids, gidMap: user.gids });
    },
    async writeNetworkSysctls(netnsPath, sysctls) {
      writeNetworkSysctls(netnsPath, Object.fromEntries(sysctls.map(({ name, value }) => [name, value])));
    },
    unpinNamespaces,
    isMounted: isMountPoint,
    async mountShm(path, sizeBytes) {
      mountShm(path, sizeBytes);
    },
    unmountBelow: umountBelow,
    async mountLayers(mounts, folder, userNamespace) {
      if (userNamespace === undefined) mountAll(mounts, folder);
      else mountShifted(mounts, folder, userNamespace);
    },
    pathInRoot,
    giveWorkingDir,
    copyTree,
    removeCgroup,
    stopSlice,
    mountTable: readMountinfo,
    devicesAt,
    async makeDeviceNodes(folder, nodes, label) {
      makeDeviceNodes(folder, nodes.map((node) => ({ ...node, fileMode: node.fileMode ?? defaultMode })), label);
    },
    hostDevices,
    apparmorProfiles: () => apparmor.profiles(),
    rdtClasses,
    knowsLabel,
    relabel,
    setOomScore,
    hostname: () => os.hostname(),
    oomKills: cgroupOomKills,
    async cgroupUsage(of, cgroupsPath) {
      return await turns.take(() => readCgroupStats(of, cgroupsPath, cgroupVersion));
    },
    async interfaces(netnsPath) {
      const counters = await turns.take(() => readNetnsCounters(netnsPath));
      return counters?.filter(({ name }) => name !== 'lo');
    },
  };
}
