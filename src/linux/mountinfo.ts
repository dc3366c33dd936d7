import { readFile } from 'node:fs/promises';

/** One line of /proc/PID/mountinfo (proc(5)); paths are unescaped. */
export interface MountEntry {
  readonly id: number;
  readonly parentId: number;
  /** The folder of the mounted file system that shows here: `/` unless it is a bind mount. */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
  /** Propagation: `shared:N`, `master:N`, `propagate_from:N`, `unbindable`; private when empty. */
  readonly tags: readonly string[];
  readonly fsType: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** Parses mountinfo's text, in the order the kernel has the mounts; lines that are none are skipped. */
export function parseMountinfo(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    const dash = fields.indexOf('-', 6);
    const [id, parentId, , root, mountPoint, options] = fields;
    if (dash === -1 || root === undefined || mountPoint === undefined || options === undefined) continue;
    entries.push({
      id: Number(id),
      parentId: Number(parentId),
      root: unescapePath(root),
      mountPoint: unescapePath(mountPoint),
      options: options.split(','),
      tags: fields.slice(6, dash),
      fsType: fields[dash + 1] ?? '',
      source: unescapePath(fields[dash + 2] ?? ''),
      superOptions: (fields[dash + 3] ?? '').split(','),
    });
  }
  return entries;
}

/** The mounts of podwright's own mount namespace. */
export async function readMountinfo(): Promise<MountEntry[]> {
  return parseMountinfo(await readFile('/proc/self/mountinfo', 'utf8'));
}

// The kernel writes space, tab, newline and backslash as three octal digits.
function unescapePath(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
