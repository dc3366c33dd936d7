import { readlinkSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { readMountinfo, type MountEntry } from './mountinfo.ts';

/** A mounted file system and how large it is. */
export interface FileSystem {
  /** What is mounted: a device's path, or the word the file system has instead. */
  readonly device: string;
  readonly sizeBytes: bigint;
  readonly inodes: bigint;
  readonly freeInodes: bigint;
}

/** The file system that a folder is on. */
export async function fileSystemOf(folder: string): Promise<FileSystem> {
  const [{ bsize, blocks, files, ffree }, mounts] = await Promise.all([statfs(folder, { bigint: true }), readMountinfo()]);
  const device = mountOf(folder, mounts)?.source ?? '';
  return { device, sizeBytes: bsize * blocks, inodes: files, freeInodes: ffree };
}

/** The mount a path is on: the deepest above it, and of several at one place the last, which hides the others. */
export function mountOf(file: string, mounts: readonly MountEntry[]): MountEntry | undefined {
  let found: MountEntry | undefined;
  for (const mount of mounts) {
    const { mountPoint } = mount;
    const isAbove = mountPoint === '/' || file === mountPoint || file.startsWith(`${mountPoint}/`);
    if (isAbove && mountPoint.length >= (found?.mountPoint.length ?? 0)) found = mount;
  }
  return found;
}

/** The path of a block device, `/dev/sda` for 8:0; its numbers where there is no such device any more. */
export function blockDevice(major: number, minor: number, sysfs = '/sys'): string {
  try {
    return `/dev/${path.basename(readlinkSync(`${sysfs}/dev/block/${major}:${minor}`))}`;
  } catch {
    return `${major}:${minor}`;
  }
}
