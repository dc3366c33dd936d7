import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Mount__Output } from '../types/cri/runtime/v1/Mount.ts';
import { CodedError, errnoOf, messageOf } from '../lib/errors.ts';
import { cachedRealPath, realPath } from '../linux/real-path.ts';
import type { ResolvedMount } from '../spec/mounts.ts';
import type { ImageVolumeSources } from './image-volumes.ts';

/** Where the mounts of a container come from. */
export interface MountSources {
  readonly mounts: readonly ResolvedMount[];
  /** Makes the folders that are missing on the host. INVALID_ARGUMENT for a path at which there cannot be one. */
  makeMissing(): Promise<void>;
}

/**
 * The sources of CRI mounts, with symlinks followed. A host path that is missing becomes a folder: the proto wants an
 * error, but hostPath volumes without a type have come to depend on it, with every runtime. It is made when nothing
 * else is wrong with the request, so that a container that is refused leaves none.
 */
export async function findMountSources(mounts: readonly Mount__Output[], images: ImageVolumeSources): Promise<MountSources> {
  const missing: number[] = [];
  const resolveSlowly = async (mount: Mount__Output, at: number): Promise<ResolvedMount> => {
    try {
      const source = await realPathIfThere(mount.hostPath);
      if (source === undefined) missing.push(at);
      return { mount, source: source ?? (await pathToBe(mount.hostPath)) };
    } catch (error) {
      throw unusable(fieldAt(at), mount.hostPath, error);
    }
  };
  // A container may have a hundred mounts, nearly all of which the kernel finds without a wait.
  const atOnce = mounts.map((mount) => resolveAtOnce(mount, images));
  const resolved = atOnce.every((found) => found !== undefined)
    ? atOnce
    : await Promise.all(mounts.map(async (mount, at) => atOnce[at] ?? (await resolveSlowly(mount, at))));
  return {
    mounts: resolved,
    async makeMissing() {
      for (const at of missing) await makeFolder(fieldAt(at), mounts[at]?.hostPath ?? '');
    },
  };
}

function resolveAtOnce(mount: Mount__Output, images: ImageVolumeSources): ResolvedMount | undefined {
  const image = images.get(mount);
  if (image !== undefined) return { mount, source: image, isImage: true };
  const source = cachedRealPath(mount.hostPath);
  return source === undefined ? undefined : { mount, source };
}

/** A path of the request with which the node can do nothing. */
export function unusable(field: string, file: string, error: unknown): CodedError {
  return new CodedError('invalidArgument', `${field} is ${JSON.stringify(file)}: ${messageOf(error)}`, { cause: error });
}

function fieldAt(at: number): string {
  return `config.mounts[${at}].host_path`;
}

async function realPathIfThere(file: string): Promise<string | undefined> {
  try {
    return await realPath(file);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Where a missing path will lead once it is made: what is there of it, with its symlinks followed, and the rest. */
async function pathToBe(file: string): Promise<string> {
  const above = path.dirname(file);
  return path.join((await realPathIfThere(above)) ?? (await pathToBe(above)), path.basename(file));
}

async function makeFolder(field: string, hostPath: string): Promise<void> {
  try {
    await mkdir(hostPath, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw unusable(field, hostPath, error);
  }
}
