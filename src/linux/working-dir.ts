import { constants, readlinkSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { errnoOf } from '../lib/errors.ts';
import { statInRoot } from './inroot.ts';
import type { MountSpec } from './mount.ts';
import { overlayFolders } from './overlay.ts';

/**
 * Gives a process that was created and not started its working directory, if the OCI runtime has made that for it. runc
 * makes one that the image lacks as root, and waits inside until it is started: so nothing has to be looked up in the
 * container, whose links may lead anywhere, and nobody is there yet who could change it meanwhile. Left alone are one
 * that the image has, one on a volume, one in a read-only root, and all where the root is no overlay.
 */
export async function giveWorkingDir(
  pid: number,
  root: readonly MountSpec[],
  owner: { readonly uid: number; readonly gid: number },
): Promise<void> {
  const folders = overlayFolders(root);
  if (folders === undefined) return;
  const cwd = `/proc/${pid}/cwd`;
  const inside = followed(cwd);
  if (inside === undefined || inside === '/') return;
  // What is not in the writable layer is the image's or a volume's: mostly it ends here, after 20 us (2026-11).
  const made = statInRoot(folders.upper, inside);
  if (made === undefined || isInImage(folders.lowers, inside)) return;
  const folder = await open(cwd, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const [own, top] = await Promise.all([folder.stat({ bigint: true }), stat(`/proc/${pid}/root`, { bigint: true })]);
    // A volume lies over what was made for it to be mounted at. The times tell apart what is of the same name elsewhere.
    if (own.dev === top.dev && own.ctimeNs === made.ctimeNs) await folder.chown(owner.uid, owner.gid);
  } catch (error) {
    if (errnoOf(error) !== 'EROFS') throw error;
  } finally {
    await folder.close();
  }
}

/** Where a link of a process leads; undefined where no such process is seen from here. */
function followed(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    return undefined;
  }
}

/** Whether an image has a folder there. A mount point below it brings one into the writable layer as well. */
function isInImage(lowers: readonly string[], inside: string): boolean {
  for (const lower of lowers) {
    const found = statInRoot(lower, inside);
    // A layer removes what those below it have by a device in its place. What went with its parent counts as there.
    if (found !== undefined) return found.isDirectory();
  }
  return false;
}
