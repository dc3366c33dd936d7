import { readFileInRoot } from '../linux/inroot.ts';
import { mountAll, unmountInPool } from '../linux/mount.ts';
import type { RootAccess } from './user-files.ts';

/** RootAccess by this machine's kernel; mounting takes microseconds. */
export const kernelRootAccess: RootAccess = {
  async mount(mounts, folder) {
    mountAll(mounts, folder);
  },
  async unmount(folder) {
    await unmountInPool(folder);
  },
  readFile: readFileInRoot,
};
