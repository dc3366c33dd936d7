import { readFileSync, writeFileSync } from 'node:fs';
import { access, readFile, readdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { cgroupRoot, cgroupVersion } from './cgroup.ts';
import { readMountinfo } from './mountinfo.ts';
import type { MountEntry } from './mountinfo.ts';
import { isSelinuxOn } from './selinux.ts';

/** What the node's kernel can do, as the spec builder has to know it. */
export interface KernelFacts {
  readonly cgroupVersion: 1 | 2;
  /** The highest capability the kernel knows (/proc/sys/kernel/cap_last_cap). */
  readonly lastCap: number;
  /** podwright's own bounding set (CapBnd of /proc/self/status). */
  readonly ownCaps: bigint;
  readonly apparmorEnabled: boolean;
  readonly selinuxEnabled: boolean;
  /** Whether swap is counted and limited. */
  readonly swapController: boolean;
  /** Sizes of huge pages that can be limited, in the CRI's words (`2MB`, `1GB`). */
  readonly hugetlbSizes: readonly string[];
  /** The machine, as `uname -m` has it. */
  readonly seccompArch: string;
  /** The kernel's release. */
  readonly kernelVersion: string;
  readonly ownOomScoreAdj: number;
  /** Whether the kernel lets podwright go below its own oom_score_adj. */
  readonly canLowerOomScore: boolean;
  /** Options of the cgroup2 mount, which a mount outside of a cgroup namespace has to repeat. */
  readonly cgroup2Options: readonly string[];
}

/** Asks the kernel; once, at the start. */
export async function readKernelFacts(): Promise<KernelFacts> {
  const version = await cgroupVersion();
  const status = await readFile('/proc/self/status', 'utf8');
  const mounts = await readMountinfo();
  const ownOomScoreAdj = Number(await readFile('/proc/self/oom_score_adj', 'utf8'));
  return {
    cgroupVersion: version,
    lastCap: Number(await readFile('/proc/sys/kernel/cap_last_cap', 'utf8')),
    ownCaps: parseBoundingSet(status),
    apparmorEnabled: await apparmorEnabled(),
    selinuxEnabled: isSelinuxOn(mounts, await textOf('/proc/self/attr/current')),
    swapController: await exists(...swapFiles(version)),
    hugetlbSizes: await hugetlbSizes(version),
    seccompArch: os.machine(),
    kernelVersion: os.release(),
    ownOomScoreAdj,
    canLowerOomScore: canLowerOomScore(ownOomScoreAdj),
    cgroup2Options: cgroup2Options(mounts),
  };
}

/** What cgroup2 takes as a mount option (kernel Documentation/admin-guide/cgroup-v2.rst "Mounting"). */
const cgroup2MountOptions = new Set([
  'nsdelegate',
  'favordynmods',
  'memory_localevents',
  'memory_recursiveprot',
  'memory_hugetlb_accounting',
  'pids_localevents',
]);

/** The options of the cgroup2 mount that can be repeated. It shows others too: `seclabel`, which mount(2) refuses. */
export function cgroup2Options(mounts: readonly MountEntry[]): string[] {
  const mounted = mounts.findLast(({ fsType, mountPoint }) => fsType === 'cgroup2' && mountPoint === cgroupRoot);
  return mounted?.superOptions.filter((option) => cgroup2MountOptions.has(option)) ?? [];
}

// Both, as runc asks: a container may see the module without its files in /sys/kernel/security.
async function apparmorEnabled(): Promise<boolean> {
  const module = await textOf('/sys/module/apparmor/parameters/enabled');
  return module.startsWith('Y') && (await exists('/sys/kernel/security/apparmor'));
}

/** The bounding set in /proc/PID/status, one bit a capability. */
export function parseBoundingSet(status: string): bigint {
  return BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
}

/** A huge page's size as cgroup files name it, from its folder's name in kilobytes: `hugepages-2048kB` is `2MB`. */
export function hugePageSize(folder: string): string | undefined {
  const kilobytes = Number(/^hugepages-(\d+)kB$/.exec(folder)?.[1]);
  if (Number.isNaN(kilobytes)) return undefined;
  if (kilobytes % (1 << 20) === 0) return `${kilobytes / (1 << 20)}GB`;
  return kilobytes % 1024 === 0 ? `${kilobytes / 1024}MB` : `${kilobytes}KB`;
}

// v2's root has no limits; any cgroup below it tells. Its own one may be the root too, hence the second file.
function swapFiles(version: 1 | 2): string[] {
  if (version === 1) return [path.join(cgroupRoot, 'memory/memory.memsw.limit_in_bytes')];
  const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/';
  return [own, 'init.scope', 'system.slice', 'kubepods.slice', 'kubepods'].map((group) =>
    path.join(cgroupRoot, group, 'memory.swap.max'),
  );
}

async function hugetlbSizes(version: 1 | 2): Promise<string[]> {
  const controllers = version === 2 ? await textOf(path.join(cgroupRoot, 'cgroup.controllers')) : '';
  const controlled = version === 2 ? controllers.split(/\s+/).includes('hugetlb') : await exists(path.join(cgroupRoot, 'hugetlb'));
  if (!controlled) return [];
  const folders = await readdir('/sys/kernel/mm/hugepages').catch(() => []);
  return folders.map(hugePageSize).filter((size) => size !== undefined);
}

// Only trying tells: the kernel asks for CAP_SYS_RESOURCE in the first user namespace, whatever our own has. For
// the moment in between podwright is only less likely to be killed.
function canLowerOomScore(own: number): boolean {
  const file = '/proc/self/oom_score_adj';
  try {
    writeFileSync(file, '-999');
    writeFileSync(file, String(own));
    return true;
  } catch {
    return false;
  }
}

async function exists(...files: string[]): Promise<boolean> {
  const found = await Promise.allSettled(files.map((file) => access(file)));
  return found.some(({ status }) => status === 'fulfilled');
}

async function textOf(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch(() => '');
}
