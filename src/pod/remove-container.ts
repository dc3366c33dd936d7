import { rm } from 'node:fs/promises';
import { allSettledOrThrow } from '../lib/all-settled.ts';
import { wrapError } from '../lib/errors.ts';
import type { Container } from './container.ts';
import { deleteTask } from './discard.ts';
import { releaseViews, viewNames } from './image-views.ts';
import { imageVolumeNames } from './image-volumes.ts';
import { missingIsFine } from './missing.ts';
import type { Parts } from './parts.ts';
import { stopContainer, type StopParts } from './stop-container.ts';

export type RemoveParts = StopParts & Pick<Parts, 'folders' | 'kernel' | 'containers' | 'containerNames'>;

type KeptParts = Pick<Parts, 'folders' | 'containerd' | 'containerRecords'>;

/**
 * Removes a container, killing it first where it runs (CRI RemoveContainer). The log file stays: it is the
 * kubelet's to delete. A second call beside or after succeeds.
 */
export async function removeContainer(parts: RemoveParts, container: Container): Promise<void> {
  let isGone = false;
  while (!isGone) {
    await stopContainer(parts, container, 0);
    isGone = await removeStopped(parts, container);
  }
}

/** False where a start came in between, so that it runs again. */
async function removeStopped(parts: RemoveParts, container: Container): Promise<boolean> {
  return await parts.containerLocks.run(container.id, async () => {
    if (!parts.containers.has(container.id)) return true;
    if (container.state === 'CONTAINER_RUNNING') return false;
    const { id, sandboxId } = container;
    try {
      await deleteEverything(parts, container, await container.cleanup);
    } catch (error) {
      throw wrapError(`remove container "${id}"`, error);
    }
    parts.containers.delete(id);
    parts.containerNames.release(container.name, id);
    parts.events.emit({ type: 'CONTAINER_DELETED_EVENT', id, sandboxId, atNs: parts.clock.nowNs() });
    parts.log.info({ containerId: id }, 'container is removed');
    return true;
  });
}

async function deleteEverything(parts: RemoveParts, container: Container, taskIsGone: boolean): Promise<void> {
  const { id, record } = container;
  await allSettledOrThrow([endTask(parts, container, taskIsGone), releaseAllViews(parts, container)]);
  await removeKept(parts, id, record.snapshotter);
}

/** Removes all of a container that has no task, whichever of it there is; its folders last, when nothing is mounted there. */
export async function removeTraces(
  parts: KeptParts & Pick<Parts, 'kernel'>,
  { id, snapshotter }: { readonly id: string; readonly snapshotter: string },
  views: readonly string[],
): Promise<void> {
  await releaseViews(parts, id, [snapshotter], views);
  await removeKept(parts, id, snapshotter);
}

/**
 * The record goes late: as long as it is there, recovery finds what is still owed. What it is kept with on disk goes
 * after it, for without that an ended container would be taken for a new one. A snapshot that outlives it in a crash
 * goes with the sandbox's lease.
 */
async function removeKept(parts: KeptParts, id: string, snapshotter: string): Promise<void> {
  const { containerd } = parts;
  await allSettledOrThrow([
    missingIsFine(containerd.snapshots(snapshotter).remove(id)),
    missingIsFine(containerd.containers.delete(id)).then(() =>
      allSettledOrThrow([
        parts.containerRecords.remove(id),
        rm(parts.folders.containerState(id), { recursive: true, force: true }),
      ]),
    ),
  ]);
}

async function endTask(parts: RemoveParts, { id, state }: Container, isGone: boolean): Promise<void> {
  await parts.logs.close(id);
  // One that was never started has no task.
  if (!isGone && state !== 'CONTAINER_CREATED') await deleteTask(parts.containerd, id);
}

/** Those there are, and those there were before a reboot, whose snapshots are left. */
async function releaseAllViews(parts: RemoveParts, { id, record }: Container): Promise<void> {
  const names = new Set([...imageVolumeNames(record.config), ...(await viewNames(parts, id))]);
  await releaseViews(parts, id, [record.snapshotter], [...names]);
}
