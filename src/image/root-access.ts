import { readFileInRoot } from '../linux/inroot.ts';
import { mountAll, unmount } from '../linux/mount.ts';
import type { RootAccess } from './user-files.ts';

/** RootAccess by this machine's kernel; mounting and unmounting take microseconds. */
export const kernelRootAccess: RootAccess = {
  async mount(mounts, folder) {
    mountAll(mounts, folder);
  },
  async unmount(folder) {
    unmount(folder);
  },
  readFile: readFileInRoot,
};
