import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { CodedError, errnoOf } from '../lib/errors.ts';
import { flockExclusive } from './libc.ts';

/** A folder that no other podwright can lock. The kernel lets go of it when the process ends, however it ends. */
export interface FolderLock {
  release(): void;
}

/**
 * Locks `folder`, making it where it is missing. The lock is on the folder itself, so it leaves no file behind
 * that could be stale. `alreadyExists` ("already served by pid N") where another process has it.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    flockExclusive(fd);
  } catch (error) {
    const { ino } = fstatSync(fd);
    closeSync(fd);
    if (errnoOf(error) !== 'EAGAIN') throw error;
    const pid = lockingPid(await readFile('/proc/locks', 'utf8').catch(() => ''), ino);
    throw new CodedError('alreadyExists', `folder ${folder}: already served by ${pid === undefined ? 'another process' : `pid ${pid}`}`);
  }
  let held = true;
  return {
    release() {
      if (held) closeSync(fd);
      held = false;
    },
  };
}

/** Who holds a whole-file lock on the inode, out of the text of /proc/locks (proc_locks(5)). */
export function lockingPid(procLocks: string, inode: number): number | undefined {
  for (const line of procLocks.split('\n')) {
    const [, type, , mode, pid, file = ''] = line.trim().split(/\s+/);
    // A waiting one has an arrow for its type; one held outside our pid namespace has the pid 0.
    if (type === 'FLOCK' && mode === 'WRITE' && file.split(':')[2] === String(inode) && Number(pid) > 0) return Number(pid);
  }
  return undefined;
}
