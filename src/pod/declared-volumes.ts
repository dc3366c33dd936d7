import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ContainerConfig__Output } from '../types/cri/runtime/v1/ContainerConfig.ts';
import { CodedError } from '../lib/errors.ts';
import type { Undo } from '../lib/undo.ts';
import type { DeclaredVolume } from '../spec/mounts.ts';
import { mountView, releaseViews } from './image-views.ts';
import type { Parts } from './parts.ts';
import type { ImageFacts } from './ports.ts';
import type { Sandbox } from './sandbox.ts';

type VolumeParts = Pick<Parts, 'folders' | 'kernel' | 'containerd' | 'images' | 'containerRecords'>;

interface VolumesOf {
  readonly id: string;
  readonly sandbox: Sandbox;
  readonly config: ContainerConfig__Output;
  readonly image: ImageFacts;
  readonly snapshotter: string;
}

/**
 * Makes a folder for each VOLUME of the image that no CRI mount covers, filled with what the image has there. They
 * lie in the container's lasting folder and go with it.
 */
export async function makeDeclaredVolumes(parts: VolumeParts, of: VolumesOf, undo: Undo): Promise<DeclaredVolume[]> {
  const paths = volumePaths(of.image.config.volumes, of.config);
  if (paths.length === 0) return [];
  const folder = path.join(parts.folders.containerRoot(of.id), 'volumes');
  undo.push("remove the image's volumes", () => parts.containerRecords.remove(of.id));
  const volumes = paths.map((containerPath, n) => ({ containerPath, source: path.join(folder, String(n)) }));
  for (const { source } of volumes) await mkdir(source, { recursive: true });
  if (of.image.chainId !== '') await fill(parts, of, volumes, undo);
  return volumes;
}

function volumePaths(declared: readonly string[], config: ContainerConfig__Output): string[] {
  if (declared.length === 0) return [];
  const covered = new Set(['/', ...config.mounts.map((mount) => clean(mount.containerPath))]);
  return [...new Set(declared.map(clean))].filter((volume) => !covered.has(volume));
}

function clean(containerPath: string): string {
  return path.posix.resolve('/', containerPath);
}

/** Copies from a view of the image: nothing changes in it while it is read, and no link leads out of it. */
async function fill(parts: VolumeParts, of: VolumesOf, volumes: readonly DeclaredVolume[], undo: Undo): Promise<void> {
  const name = 'own';
  const release = (): Promise<void> => releaseViews(parts, of.id, [of.snapshotter], [name]);
  undo.push('release the view of the image', release);
  const view = await mountView(parts, { ...of, name });
  for (const { containerPath, source } of volumes) {
    const inside = await parts.kernel.pathInRoot(view, containerPath);
    if (inside === undefined) continue;
    if (!(await stat(inside)).isDirectory()) {
      throw new CodedError('failedPrecondition', `the image declares a volume at ${containerPath}, where it has no folder`);
    }
    await parts.kernel.copyTree(inside, source);
  }
  await release();
}
