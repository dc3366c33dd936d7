import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

// So many folders are looked at side by side: what a layer holds is in memory, and others need the pool's threads too.
const AT_ONCE = 4;
// The kernel's clock for files goes in ticks, behind the one that Date reads.
const CLOCK_SLACK_MS = 1_000;
const DEFAULT_MODE = 0o755;

/**
 * The folders of an unpacked layer that its archive may have left out and only implied, by a file in them: containerd
 * makes such a folder by default, root's and 0755, or like the one of that name in the layers below, where it is given
 * those. Nothing marks them on the disk, but that a folder of the archive has the archive's time on it and these the
 * time at which they were filled. Answers paths below `layer`, an upper one before what is in it.
 *
 * @param sinceMs when unpacking began, as Date.now() has it
 */
export async function impliedFolders(layer: string, sinceMs: number, signal?: AbortSignal): Promise<string[]> {
  const sinceNs = BigInt(sinceMs - CLOCK_SLACK_MS) * 1_000_000n;
  const implied: string[] = [];
  let level = ['.'];
  while (level.length > 0) {
    const next: string[] = [];
    for (let first = 0; first < level.length; first += AT_ONCE) {
      signal?.throwIfAborted();
      const found = await Promise.all(level.slice(first, first + AT_ONCE).map((folder) => foldersIn(layer, folder)));
      next.push(...found.flat());
    }
    for (let first = 0; first < next.length; first += AT_ONCE) {
      const some = next.slice(first, first + AT_ONCE);
      const answers = await Promise.all(some.map((folder) => isDefault(path.join(layer, folder), sinceNs)));
      implied.push(...some.filter((_, position) => answers[position]));
    }
    level = next;
  }
  return implied;
}

/**
 * Whether one of `folders` would have come out otherwise, had its layer been unpacked on those below: `below` are the
 * folders of their layers, the highest first.
 */
export async function differBelow(folders: readonly string[], below: readonly string[]): Promise<boolean> {
  for (const folder of folders) {
    for (const layer of below) {
      const stats = await lstat(path.join(layer, folder)).catch(() => undefined);
      if (stats === undefined) continue;
      if (stats.isDirectory() && ((stats.mode & 0o7777) !== DEFAULT_MODE || stats.uid !== 0 || stats.gid !== 0)) return true;
      break;
    }
  }
  return false;
}

async function foldersIn(layer: string, folder: string): Promise<string[]> {
  const entries = await readdir(path.join(layer, folder), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => path.join(folder, name));
}

async function isDefault(folder: string, sinceNs: bigint): Promise<boolean> {
  const { mode, uid, gid, mtimeNs, ctimeNs } = await lstat(folder, { bigint: true });
  if ((mode & 0o7777n) !== BigInt(DEFAULT_MODE) || uid !== 0n || gid !== 0n) return false;
  return mtimeNs >= sinceNs || mtimeNs === ctimeNs;
}
