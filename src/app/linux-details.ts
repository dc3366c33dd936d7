import { messageOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { Turns } from '../lib/turns.ts';
import { readCgroupDetail } from '../linux/cgroup-read.ts';
import { fileSystemOf, type FileSystem } from '../linux/file-system.ts';
import { countOpenFiles, openFilesLimit } from '../linux/open-files.ts';
import type { DetailKernel } from '../pod/details.ts';

/** The real kernel, as metrics ask it, with the cgroups of the given version. */
export function linuxDetails(cgroupVersion: 1 | 2): DetailKernel {
  const turns = new Turns();
  return {
    cgroupDetail: (cgroupsPath) => turns.take(() => readCgroupDetail(cgroupsPath, cgroupVersion)),
    openFiles: (pids) => countOpenFiles(pids, turns),
    openFilesLimit,
  };
}

/** The file system that a folder is on; undefined where that cannot be asked, which is no reason to fail for. */
export async function fileSystemIfTold(folder: string, log: Log): Promise<FileSystem | undefined> {
  try {
    return await fileSystemOf(folder);
  } catch (error) {
    log.warn({ folder, error: messageOf(error) }, 'the file system of the writable layers does not say its size');
    return undefined;
  }
}
