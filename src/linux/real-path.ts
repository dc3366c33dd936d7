import { readlinkSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { AT_FDCWD, O_PATH, RESOLVE_CACHED, RESOLVE_NO_SYMLINKS, close, openat2IfCan } from './libc.ts';

/**
 * A path with its symlinks followed, as realpath(3). What the kernel has in its cache it tells at once, in 5 to 10 us;
 * for the rest, which may lie on a disk or a server that is slow or gone, a thread of the pool waits. A hundred mounts
 * through the pool take no longer on an idle machine, and three to thirty times as long on a busy one (2026-11).
 */
export async function realPath(file: string): Promise<string> {
  return cachedRealPath(file) ?? (await realpath(file));
}

/** The same without ever waiting; undefined where that cannot be, or goes wrong for whatever reason. */
export function cachedRealPath(file: string): string | undefined {
  // In C a string ends there, and another file would be found.
  if (file.includes('\0')) return undefined;
  // Nearly all paths have no symlink on their way, and then what is written is what is: half the time of asking.
  const plain = openat2IfCan(AT_FDCWD, file, O_PATH, RESOLVE_CACHED | RESOLVE_NO_SYMLINKS);
  if (plain !== undefined) {
    close(plain);
    return path.resolve(file);
  }
  const fd = openat2IfCan(AT_FDCWD, file, O_PATH, RESOLVE_CACHED);
  if (fd === undefined) return undefined;
  try {
    const found = readlinkSync(`/proc/self/fd/${fd}`);
    // The kernel's words for what was removed just now, or lies in no mount that can be seen from here.
    return found.endsWith(' (deleted)') || !found.startsWith('/') ? undefined : found;
  } finally {
    close(fd);
  }
}
