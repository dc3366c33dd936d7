import type { HostDevice } from '../spec/devices.ts';
import type { MountInfo } from '../spec/mount-table.ts';
import type { OciDevice } from '../spec/oci.ts';
import type { CgroupOf } from '../linux/cgroup-read.ts';
import type { CgroupStats } from '../linux/cgroup-stats.ts';
import type { InterfaceCounters } from '../linux/net-dev.ts';
import type { SnapshotMount } from './ports.ts';
import type { PinnedNamespaces } from './sandbox.ts';

/** One id range of a user namespace: `size` ids from `hostId` outside are the ids from `containerId` inside. */
export interface IdMap {
  readonly hostId: number;
  readonly containerId: number;
  readonly size: number;
}

/** The kernel's part in a sandbox; `linux/` is the real one. */
export interface KernelPort {
  /**
   * Makes and pins the asked-for namespaces below `dir`, with the host name and sysctls written inside and
   * `lo` up. INVALID_ARGUMENT for a sysctl the kernel refuses; nothing is left behind on failure.
   */
  pinNamespaces(request: {
    readonly dir: string;
    readonly net: boolean;
    readonly uts: boolean;
    readonly ipc: boolean;
    readonly hostname: string;
    readonly sysctls: readonly { readonly name: string; readonly value: string }[];
    readonly user?: { readonly uids: readonly IdMap[]; readonly gids: readonly IdMap[] };
  }): Promise<PinnedNamespaces>;
  /** Writes sysctls of a network namespace. INVALID_ARGUMENT for one that the kernel refuses. */
  writeNetworkSysctls(netnsPath: string, sysctls: readonly { readonly name: string; readonly value: string }[]): Promise<void>;
  /** Lets go of all that was pinned below `dir`; idempotent. */
  unpinNamespaces(dir: string): Promise<void>;
  /** Whether something is mounted at `path`. */
  isMounted(path: string): Promise<boolean>;
  mountShm(path: string, sizeBytes: number): Promise<void>;
  /** Lazily takes away everything mounted at and below `path`; idempotent. */
  unmountBelow(path: string): Promise<void>;
  /**
   * Mounts what a snapshotter gave at a folder, with owners as the user namespace at `userNamespace` sees them
   * where one is named; then for reading only. Nothing stays mounted on failure.
   */
  mountLayers(mounts: readonly SnapshotMount[], folder: string, userNamespace?: string): Promise<void>;
  /** Where `inside` is below `root`, links followed as a chroot follows them; undefined where nothing is. */
  pathInRoot(root: string, inside: string): Promise<string | undefined>;
  /**
   * Gives the working directory of a process that was created and not started to its user, with ids of the host's, if
   * the OCI runtime has just made it in the process's root file system.
   */
  giveWorkingDir(
    pid: number,
    root: readonly SnapshotMount[],
    owner: { readonly uid: number; readonly gid: number },
  ): Promise<void>;
  /** Copies what is in a folder, and its own owner and mode, into another, as it is; links are not followed. */
  copyTree(from: string, to: string): Promise<void>;
  /** Removes a cgroup that no process is in, in every hierarchy; a missing or busy one is left alone. */
  removeCgroup(path: string): Promise<void>;
  /** Stops a slice of systemd with all that is in it; one that systemd does not know is fine. */
  stopSlice(slice: string): Promise<void>;
  /** The host's mount table. */
  mountTable(): Promise<readonly MountInfo[]>;
  /** The device at a host path, or all below it where it is a folder. */
  devicesAt(path: string): Promise<readonly HostDevice[]>;
  /**
   * Makes device nodes at a folder, each named by its place in the list, on a file system of their own, with an SELinux
   * label where one is named. Nothing stays mounted on failure.
   */
  makeDeviceNodes(folder: string, nodes: readonly OciDevice[], label?: string): Promise<void>;
  /** All of the host's devices. */
  hostDevices(): Promise<readonly HostDevice[]>;
  /** The names of the AppArmor profiles that are loaded, podwright's default one loaded first where it is missing. */
  apparmorProfiles(): Promise<readonly string[]>;
  /** The RDT classes there are; undefined where the host has no RDT. */
  rdtClasses(): Promise<readonly string[] | undefined>;
  /** Whether the SELinux policy that is loaded knows a label. */
  knowsLabel(label: string): Promise<boolean>;
  /** Gives files and all below them an SELinux label; what keeps no labels is passed over. */
  relabel(paths: readonly string[], label: string): Promise<void>;
  /** Gives all processes of a cgroup an oom_score_adj, as near as it may be had. */
  setOomScore(cgroupsPath: string, score: number): Promise<void>;
  /** The host's own name. */
  hostname(): string;
  /** What a Pod's or a container's cgroup used; undefined when it is gone. */
  cgroupUsage(of: CgroupOf, cgroupsPath: string): Promise<CgroupStats | undefined>;
  /** The counters of a network namespace's interfaces but `lo`; undefined when it is gone. */
  interfaces(netnsPath: string): Promise<readonly InterfaceCounters[] | undefined>;
  /** How often the kernel killed for memory in this cgroup; undefined when it is gone. */
  oomKills(cgroupsPath: string): Promise<number | undefined>;
}
