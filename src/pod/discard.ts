import { isKind, wrapError } from '../lib/errors.ts';
import { missingIsFine } from './missing.ts';
import type { ContainerdPort, TaskKill } from './ports.ts';

const SIGKILL = 9;
/** How long a killed task may take to end, ms. */
const endMs = 10_000;

/**
 * Sends a signal to a task or an exec. Where that is cut off because the task is deleted just then, or its shim has
 * ended, it is sent again, to be told what there is.
 */
export async function sendSignal(containerd: ContainerdPort, id: string, kill: TaskKill): Promise<void> {
  try {
    await containerd.tasks.kill(id, kill);
  } catch (error) {
    if (!isKind(error, 'aborted')) throw error;
    await containerd.tasks.kill(id, kill);
  }
}

/** Kills a task with all its processes and waits for its end; one that is not there or has ended is fine. */
export async function killAndWait(containerd: ContainerdPort, id: string): Promise<void> {
  try {
    await sendSignal(containerd, id, { signal: SIGKILL, all: true });
    await containerd.tasks.wait(id, undefined, { timeoutMs: endMs });
  } catch (error) {
    if (!isKind(error, 'notFound', 'failedPrecondition')) throw wrapError(`kill container "${id}"`, error);
  }
}

/** Removes a pause container's task, record, snapshot and store entry, whichever of them there are. */
export async function discardPause(
  containerd: ContainerdPort,
  id: string,
  snapshotter: string,
  task: 'ended' | 'unknown' = 'unknown',
): Promise<void> {
  // First, or a container started now would be sent to a shim that is about to be forgotten.
  await missingIsFine(containerd.sandboxes.delete(id));
  await (task === 'ended' ? deleteTask(containerd, id) : discardTask(containerd, id));
  await missingIsFine(containerd.containers.delete(id));
  await missingIsFine(containerd.snapshots(snapshotter).remove(id));
}

/**
 * Deletes a task that has ended; one that is not there is fine. A first failure is not believed: of two tasks of
 * one shim deleted at once, the one that leaves it empty ends it, maybe before it has answered for the other. That
 * one is gone as well then, which is what a second look finds.
 */
export async function deleteTask(containerd: ContainerdPort, id: string): Promise<void> {
  try {
    await missingIsFine(containerd.tasks.delete(id));
  } catch {
    await missingIsFine(containerd.tasks.delete(id));
  }
}

/** Kills and deletes a task if there is one, waiting for its end in between. */
export async function discardTask(containerd: ContainerdPort, id: string): Promise<void> {
  const { tasks } = containerd;
  try {
    const task = await tasks.get(id);
    if (task.status !== 'stopped') await killAndWait(containerd, id);
    await deleteTask(containerd, id);
  } catch (error) {
    if (!isKind(error, 'notFound')) throw wrapError(`delete the task of container "${id}"`, error);
  }
}
