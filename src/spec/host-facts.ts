import type { SelinuxPolicy } from './selinux.ts';

/** What building a spec has to know of the host: plain data, read once by the layer below or by app.ts. */
export interface HostFacts {
  readonly cgroupVersion: 1 | 2;
  /** /proc/sys/kernel/cap_last_cap. */
  readonly lastCap: number;
  /** The daemon's own bounding set (CapBnd of /proc/self/status); what it lacks it can't hand on. Absent: all. */
  readonly ownCaps?: bigint;
  readonly apparmorEnabled: boolean;
  /** The policy's labels for containers; absent where SELinux is off or its policy knows no containers. */
  readonly selinux?: SelinuxPolicy;
  /** Whether memory.memsw.* (v1) or memory.swap.max (v2) exists. */
  readonly swapController: boolean;
  /** Page sizes of the hugetlb controller in the CRI's words (`2MB`, `1GB`); empty without the controller. */
  readonly hugetlbSizes: readonly string[];
  /** The machine's name as `uname -m` says it: `x86_64`, `aarch64`. */
  readonly seccompArch: string;
  /** The kernel's release, `6.1.0-13-amd64`. */
  readonly kernelVersion: string;
  /** /proc/self/oom_score_adj of the daemon. */
  readonly ownOomScoreAdj: number;
  /** Whether a score below the daemon's own may be set (CAP_SYS_RESOURCE). */
  readonly canLowerOomScore: boolean;
  /** Superblock options of the host's cgroup2 mount that a mount outside a cgroup namespace has to repeat. */
  readonly cgroup2Options?: readonly string[];
}
