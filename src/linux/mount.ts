import { closeSync, constants, openSync } from 'node:fs';
import path from 'node:path';
import { errnoOf, wrapError } from '../lib/errors.ts';
import {
  MNT_DETACH,
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_REC,
  MS_REMOUNT,
  UMOUNT_NOFOLLOW,
  mount,
  umount2,
  umountInPool,
} from './libc.ts';
import { parseMountOptions } from './mount-options.ts';
import { readMountinfo } from './mountinfo.ts';
import { withLowers } from './overlay.ts';

/** One mount as containerd's snapshotters describe it (containerd.types.Mount). */
export interface MountSpec {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

const pageBytes = 4096; // mount(2) takes one page of data, whatever the page's real size
const O_PATH = 0x200000;

/** Mounts a sandbox's /dev/shm: a tmpfs of `sizeBytes` that everybody may write and nobody may execute from. */
export function mountShm(target: string, sizeBytes: number): void {
  const sizeKib = Math.ceil(sizeBytes / 1024);
  mount('shm', target, 'tmpfs', MS_NOSUID | MS_NODEV | MS_NOEXEC, `mode=1777,size=${sizeKib}k`);
}

/** Shows `source`, with what is mounted below it where `recursive`, at `target`, which has to exist. */
export function bindMount(source: string, target: string, options: { recursive?: boolean; readonly?: boolean } = {}): void {
  const flags = MS_BIND | (options.recursive === true ? MS_REC : 0);
  mount(source, target, null, flags, null);
  if (options.readonly !== true) return;
  // The kernel ignores read-only on the bind itself and takes it in a second call only.
  try {
    mount(source, target, null, flags | MS_REMOUNT | MS_RDONLY, null);
  } catch (error) {
    unmount(target);
    throw error;
  }
}

/** Mounts what a snapshotter gave, one over the other, at `target`; on failure nothing stays mounted. */
export function mountAll(mounts: readonly MountSpec[], target: string): void {
  let done = 0;
  try {
    for (const spec of mounts) {
      mountOne(spec, target);
      done++;
    }
  } catch (error) {
    for (; done > 0; done--) unmount(target);
    throw wrapError(`mount snapshot at ${target}`, error);
  }
}

function mountOne(spec: MountSpec, target: string): void {
  const { flags, propagation, data } = parseMountOptions(spec.options);
  if ((flags & MS_BIND) !== 0) {
    bindMount(spec.source, target, { recursive: (flags & MS_REC) !== 0, readonly: (flags & MS_RDONLY) !== 0 });
  } else {
    withShortData(data, (text) => mount(spec.source, target, spec.type, flags, text === '' ? null : text));
  }
  for (const change of propagation) mount('none', target, null, change, null);
}

/**
 * An overlay of many layers has more option text than mount(2) takes. Each lower folder is then opened and named
 * by its descriptor, which is 20 bytes instead of a path.
 */
function withShortData(data: readonly string[], act: (text: string) => void): void {
  const text = data.join(',');
  if (text.length < pageBytes) {
    act(text);
    return;
  }
  const fds: number[] = [];
  const shorten = (folder: string): string => {
    const fd = openSync(folder, O_PATH | constants.O_DIRECTORY);
    fds.push(fd);
    return `/proc/self/fd/${fd}`;
  };
  try {
    act(data.map((option) => withLowers(option, shorten)).join(','));
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

/** Takes the topmost mount at `target` away at once, busy or not. False when there was none. */
export function unmount(target: string): boolean {
  try {
    umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW);
    return true;
  } catch (error) {
    return asUnmounted(error);
  }
}

/** As `unmount`, in the thread pool: it may wait tens of milliseconds on a busy node. */
export async function unmountInPool(target: string): Promise<boolean> {
  return umountInPool(target, MNT_DETACH | UMOUNT_NOFOLLOW).then(() => true, asUnmounted);
}

/** Takes a failure for a mount that is not there, or throws it. */
function asUnmounted(error: unknown): false {
  if (['EINVAL', 'ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return false;
  throw error;
}

/** Whether something is mounted at exactly this path. */
export async function isMountPoint(target: string): Promise<boolean> {
  const wanted = path.resolve(target);
  return (await readMountinfo()).some((entry) => entry.mountPoint === wanted);
}

/** The mount points at and below `dir`, in the order they were mounted. */
export async function mountsBelow(dir: string): Promise<string[]> {
  const top = path.resolve(dir);
  const points = (await readMountinfo()).map((entry) => entry.mountPoint);
  return points.filter((point) => point === top || point.startsWith(`${top}/`));
}

/** Unmounts everything at and below `dir`, the last mounted first. */
export async function umountBelow(dir: string): Promise<void> {
  for (const point of (await mountsBelow(dir)).toReversed()) await unmountInPool(point);
}
