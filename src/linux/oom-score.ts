import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from '../lib/errors.ts';
import { cgroupFolder, cgroupRoot, cgroupVersion, isGone } from './cgroup.ts';

/** More looks than a sane container needs until no process is new. */
const mostLooks = 5;

/**
 * Gives every process of a cgroup, and of those below it, an oom_score_adj; a process inherits it from its parent, so
 * it looks again until none is new. One that has ended needs none, and one that may not go so low stays where it is.
 */
export async function setOomScore(cgroupsPath: string, score: number, root = cgroupRoot): Promise<void> {
  const hierarchy = (await cgroupVersion(root)) === 2 ? root : path.join(root, 'memory');
  const folder = path.join(hierarchy, cgroupFolder(cgroupsPath));
  const done = new Set<number>();
  for (let look = 0; look < mostLooks; look += 1) {
    const fresh = (await processesBelow(folder)).filter((pid) => !done.has(pid));
    if (fresh.length === 0) return;
    for (const pid of fresh) {
      done.add(pid);
      await writeScore(pid, score);
    }
  }
}

async function writeScore(pid: number, score: number): Promise<void> {
  try {
    await writeFile(`/proc/${pid}/oom_score_adj`, String(score));
  } catch (error) {
    if (!['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(errnoOf(error) ?? '')) throw error;
  }
}

async function processesBelow(folder: string): Promise<number[]> {
  try {
    const own = (await readFile(path.join(folder, 'cgroup.procs'), 'utf8')).split('\n').filter((line) => line !== '');
    const below = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    const deeper = await Promise.all(below.map(({ name }) => processesBelow(path.join(folder, name))));
    // 0 stands for a process that this PID namespace does not show.
    return [...own.map(Number).filter((pid) => pid > 0), ...deeper.flat()];
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}
