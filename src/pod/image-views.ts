import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from '../lib/errors.ts';
import { sandboxLease } from './leases.ts';
import { missingIsFine } from './missing.ts';
import type { Parts } from './parts.ts';
import type { ImageFacts } from './ports.ts';
import { onLayers } from './prepare-root.ts';
import type { Sandbox } from './sandbox.ts';

type ViewParts = Pick<Parts, 'folders' | 'kernel' | 'containerd' | 'images'>;
type ReleaseParts = Pick<ViewParts, 'folders' | 'kernel' | 'containerd'>;

/**
 * Mounts an image's layers, read-only, below a container's state folder under a name of its own there, with the
 * owners that the user namespace at `userNamespace` sees. Returns where. The view keeps the layers from garbage
 * collection until `releaseViews`; also what is half made on failure is released by that.
 */
export async function mountView(
  parts: ViewParts,
  of: {
    readonly id: string;
    readonly name: string;
    readonly image: ImageFacts;
    readonly sandbox: Sandbox;
    readonly snapshotter: string;
    readonly userNamespace?: string | undefined;
  },
): Promise<string> {
  // Made before the view, so that whoever finds the folder knows of every view there can be.
  const folder = path.join(parts.folders.imageViews(of.id), of.name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const lease = sandboxLease(of.sandbox.id);
  const mounts = await onLayers(parts, of, (snapshots) => snapshots.view(viewKey(of.id, of.name), of.image.chainId, {}, { lease }));
  await parts.kernel.mountLayers(mounts, folder, of.userNamespace);
  return folder;
}

/** Unmounts and removes views of a container, whichever of them there are. */
export async function releaseViews(
  parts: ReleaseParts,
  id: string,
  snapshotters: readonly string[],
  names: readonly string[],
): Promise<void> {
  for (const name of names) {
    const folder = path.join(parts.folders.imageViews(id), name);
    await parts.kernel.unmountBelow(folder);
    for (const snapshotter of snapshotters) {
      await missingIsFine(parts.containerd.snapshots(snapshotter).remove(viewKey(id, name)));
    }
    await rm(folder, { recursive: true, force: true });
  }
}

/** The names of the views that a container's state folder shows. */
export async function viewNames(parts: Pick<Parts, 'folders'>, id: string): Promise<string[]> {
  try {
    return await readdir(parts.folders.imageViews(id));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function viewKey(id: string, name: string): string {
  return `${id}-view-${name}`;
}
