import path from 'node:path';
import type { ContainerConfig__Output } from '../types/cri/runtime/v1/ContainerConfig.ts';
import type { Mount__Output } from '../types/cri/runtime/v1/Mount.ts';
import { CodedError, invalidField, messageOf } from '../lib/errors.ts';
import type { Undo } from '../lib/undo.ts';
import { isImageVolume } from '../spec/mounts.ts';
import { mountView, releaseViews } from './image-views.ts';
import type { Parts } from './parts.ts';
import type { Sandbox } from './sandbox.ts';

type VolumeParts = Pick<Parts, 'folders' | 'kernel' | 'containerd' | 'images'>;

/** Where a container finds its image volumes: the host's path for each of its CRI mounts of an image. */
export type ImageVolumeSources = ReadonlyMap<Mount__Output, string>;

interface VolumesOf {
  readonly id: string;
  readonly sandbox: Sandbox;
  readonly config: ContainerConfig__Output;
  readonly snapshotter: string;
}

/**
 * Mounts a container's image volumes (CRI Mount.image, KEP-4639), each from a view of the image's layers that is
 * kept as long as the container. Kind unknown with the reason ImageVolumeMountFailed for an image that is not
 * here, and for a sub path that is not in it.
 */
export async function mountImageVolumes(parts: VolumeParts, of: VolumesOf, undo: Undo): Promise<ImageVolumeSources> {
  const sources = new Map<Mount__Output, string>();
  const names = imageVolumeNames(of.config);
  if (names.length === 0) return sources;
  undo.push('unmount the image volumes', () => releaseViews(parts, of.id, [of.snapshotter], names));
  for (const [n, mount] of of.config.mounts.entries()) {
    if (!isImageVolume(mount)) continue;
    try {
      sources.set(mount, await mountOne(parts, of, mount, n));
    } catch (error) {
      const what = `config.mounts[${n}]: image volume "${mount.image?.image}" at ${mount.containerPath}`;
      throw new CodedError('unknown', `${what}: ${messageOf(error)}`, { cause: error, reason: 'ImageVolumeMountFailed' });
    }
  }
  return sources;
}

/** The names of the views of a container's image volumes. */
export function imageVolumeNames(config: ContainerConfig__Output): string[] {
  return config.mounts.flatMap((mount, n) => (isImageVolume(mount) ? [String(n)] : []));
}

async function mountOne(parts: VolumeParts, of: VolumesOf, mount: Mount__Output, at: number): Promise<string> {
  const reference = mount.image?.image ?? '';
  const image = parts.images.find(reference);
  if (image === undefined) throw new CodedError('notFound', `image "${reference}" is not here; pull it first`);
  checkSubPath(mount.imageSubPath, at);
  const userNamespace = of.sandbox.record.namespaces.user;
  const folder = await mountView(parts, { ...of, name: String(at), image, userNamespace });
  if (mount.imageSubPath === '') return folder;
  const inside = await parts.kernel.pathInRoot(folder, mount.imageSubPath);
  if (inside === undefined) throw new CodedError('notFound', `image_sub_path "${mount.imageSubPath}" is not in the image`);
  return inside;
}

/** Links in the image cannot lead out of it; this is for a path that says so itself. */
function checkSubPath(subPath: string, at: number): void {
  if (path.posix.isAbsolute(subPath) || subPath.includes('\0') || subPath.split('/').includes('..')) {
    throw invalidField(`config.mounts[${at}].image_sub_path`, subPath, 'it must be a relative path without ".." and NUL');
  }
}
