import type { HostFacts } from './host-facts.ts';
import type { OciMount } from './oci.ts';

/** A container's /proc and /dev, which everything with a process of its own needs. */
export const baseMounts: readonly OciMount[] = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
];

/**
 * The mounts a container has without asking. `ro` /sys and cgroups become `rw` for the privileged. In a user
 * namespace on the host's network sysfs can't be mounted (EPERM: the namespace doesn't own the network), so the
 * host's is bound, read-only to the bottom.
 */
export function defaultMounts(options: {
  readonly privileged: boolean;
  readonly hostNetworkInUserns: boolean;
  readonly hasCgroupNamespace: boolean;
  readonly host: Pick<HostFacts, 'cgroupVersion' | 'cgroup2Options'>;
}): OciMount[] {
  const access = options.privileged ? 'rw' : 'ro';
  return [
    ...baseMounts,
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    options.hostNetworkInUserns
      ? { destination: '/sys', type: 'bind', source: '/sys', options: ['rbind', 'rro', 'nosuid', 'noexec', 'nodev'] }
      : { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', access] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', 'relatime', access, ...sharedCgroupOptions(options)],
    },
  ];
}

/**
 * Outside a cgroup namespace a cgroup2 mount is the host's one superblock, and mounting it anew sets its
 * options anew: those not repeated (nsdelegate, memory_recursiveprot) would be lost to the whole host.
 */
function sharedCgroupOptions(options: {
  readonly hasCgroupNamespace: boolean;
  readonly host: Pick<HostFacts, 'cgroupVersion' | 'cgroup2Options'>;
}): readonly string[] {
  if (options.hasCgroupNamespace || options.host.cgroupVersion === 1) return [];
  return options.host.cgroup2Options ?? [];
}
