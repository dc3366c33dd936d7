import path from 'node:path';

/** What decides about propagation in a line of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export interface MountInfo {
  readonly mountPoint: string;
  /** The optional fields: `shared:5`, `master:3`, … */
  readonly tags: readonly string[];
}

/** The mount an absolute path is on: the deepest mount point above it, and of two there the later, upper one. */
export function findMount(table: readonly MountInfo[], target: string): MountInfo | undefined {
  let best: MountInfo | undefined;
  for (const mount of table) {
    if (!isWithin(target, mount.mountPoint)) continue;
    if (best === undefined || mount.mountPoint.length >= best.mountPoint.length) best = mount;
  }
  return best;
}

/** Whether `target` is `folder` or lies below it; both absolute and clean. */
function isWithin(target: string, folder: string): boolean {
  const relative = path.posix.relative(folder, target);
  return relative !== '..' && !relative.startsWith('../');
}
