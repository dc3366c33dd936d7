import { chmodSync, chownSync } from 'node:fs';
import path from 'node:path';
import { MS_NOEXEC, MS_NOSUID, mknod, mount } from './libc.ts';
import { unmount } from './mount.ts';

/** A device node to be made; a `u` is an unbuffered character device, a `p` a FIFO. */
export interface NewDeviceNode {
  readonly type: 'c' | 'b' | 'u' | 'p';
  readonly major: number;
  readonly minor: number;
  /** Permission bits. */
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

const kinds = { c: 0o020_000, u: 0o020_000, b: 0o060_000, p: 0o010_000 };

/**
 * Makes device nodes, each named by its place in the list, on a file system of their own at `folder`, which has to
 * exist: where /run is, devices cannot be opened on most hosts (nodev). With `label`, all of it has that SELinux label.
 * Nothing stays mounted on failure.
 */
export function makeDeviceNodes(folder: string, nodes: readonly NewDeviceNode[], label?: string): void {
  const context = label === undefined ? '' : `,context="${label}"`;
  mount('devices', folder, 'tmpfs', MS_NOSUID | MS_NOEXEC, `mode=0755,size=4k${context}`);
  try {
    for (const [n, node] of nodes.entries()) makeNode(path.join(folder, String(n)), node);
  } catch (error) {
    unmount(folder);
    throw error;
  }
}

function makeNode(file: string, { type, major, minor, fileMode, uid, gid }: NewDeviceNode): void {
  mknod(file, kinds[type], major, minor);
  chownSync(file, uid, gid);
  // Last, as the umask is not asked here.
  chmodSync(file, fileMode);
}
