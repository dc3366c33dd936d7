import { readdir, readFile, rmdir, statfs } from 'node:fs/promises';
import path from 'node:path';
import { CodedError, errnoOf } from '../lib/errors.ts';
import { keyedNumber } from './cgroup-stats.ts';

/** Where systemd and everybody after it mounts cgroups. */
export const cgroupRoot = '/sys/fs/cgroup';

const cgroup2Magic = 0x63677270;

/** 2 where the root is the one hierarchy of cgroup v2, 1 for separate controllers (also the hybrid layout). */
export async function cgroupVersion(root = cgroupRoot): Promise<1 | 2> {
  return (await statfs(root)).type === cgroup2Magic ? 2 : 1;
}

/**
 * The folder of an OCI `linux.cgroupsPath` inside a hierarchy. A path stands for itself; systemd's
 * `slice:prefix:name` is a scope in a slice, whose name spells its parents: `a-b.slice` lies in `a.slice`. So does
 * the name of a slice, as a Pod's cgroup parent is; what is said of its folder besides is not looked at by systemd.
 */
export function cgroupFolder(cgroupsPath: string): string {
  const [slice, prefix, name] = cgroupsPath.split(':');
  if (slice === undefined || prefix === undefined || name === undefined) {
    const isSlice = cgroupsPath.endsWith('.slice');
    return isSlice ? sliceFolder(path.posix.basename(cgroupsPath)) : path.posix.resolve('/', cgroupsPath);
  }
  const unit = name.endsWith('.slice') ? name : `${prefix === '' ? '' : `${prefix}-`}${name}.scope`;
  return path.posix.join(sliceFolder(slice === '' ? 'system.slice' : slice), unit);
}

/** The folder of a systemd slice: `/kubepods.slice/kubepods-burstable.slice` for the latter. */
export function sliceFolder(slice: string): string {
  const words = slice.replace(/\.slice$/, '').split('-');
  if (words.every((word) => word === '')) return '/';
  return `/${words.map((_, i) => `${words.slice(0, i + 1).join('-')}.slice`).join('/')}`;
}

/**
 * How often the kernel killed a process of this cgroup for memory (memory.events, on v1 memory.oom_control).
 * Undefined when the cgroup is gone, or its kernel does not count.
 */
export async function cgroupOomKills(cgroupsPath: string, root = cgroupRoot): Promise<number | undefined> {
  const folder = cgroupFolder(cgroupsPath);
  const v2 = (await cgroupVersion(root)) === 2;
  const file = v2 ? path.join(root, folder, 'memory.events') : path.join(root, 'memory', folder, 'memory.oom_control');
  try {
    const kills = keyedNumber(await readFile(file, 'utf8'), 'oom_kill');
    return kills === undefined ? undefined : Number(kills);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/**
 * Removes a cgroup with those below it in every hierarchy. A missing one is fine and a busy one stays: its
 * processes still count against it. Never the root of a hierarchy: `invalidArgument`.
 */
export async function removeCgroup(cgroupsPath: string, root = cgroupRoot): Promise<void> {
  const folder = cgroupFolder(cgroupsPath);
  if (folder === '/') throw new CodedError('invalidArgument', `remove cgroup ${JSON.stringify(cgroupsPath)}: it is the root`);
  for (const hierarchy of await hierarchies(root)) await removeTree(path.join(hierarchy, folder));
}

/** The folders cgroups lie under: the root itself on v2, one per controller (and `unified`) on v1. */
async function hierarchies(root: string): Promise<string[]> {
  if ((await cgroupVersion(root)) === 2) return [root];
  const entries = await readdir(root, { withFileTypes: true });
  // `cpu` may be a link to `cpu,cpuacct`: the folder itself is in the list too.
  return entries.filter((entry) => entry.isDirectory()).map((entry) => path.join(root, entry.name));
}

async function removeTree(folder: string): Promise<void> {
  try {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) await removeTree(path.join(folder, entry.name));
    }
    await rmdir(folder);
  } catch (error) {
    if (!isGone(error) && errnoOf(error) !== 'EBUSY' && errnoOf(error) !== 'ENOTEMPTY') throw error;
  }
}

/** Whether reading failed because the cgroup was removed, perhaps between open and read. */
export function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENODEV', 'ENOTDIR'].includes(errnoOf(error) ?? '');
}
