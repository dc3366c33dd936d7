import { closeSync, constants, mkdirSync, openSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { wrapError } from '../lib/errors.ts';
import { close } from './libc.ts';
import { attachMount, openTreeClone, setIdMap } from './mount-api.ts';
import { mountAll, type MountSpec, unmount } from './mount.ts';
import { withLowers } from './overlay.ts';

/**
 * Mounts a snapshot's layers at `folder` for reading, owned as the user namespace at `userNamespace` sees them.
 * overlayfs itself cannot be id-mapped, but what lies under it can: each layer is shown shifted for a moment, which
 * the overlay holds on to. Needs a file system that knows id-mapped mounts; nothing stays mounted on failure.
 */
export function mountShifted(mounts: readonly MountSpec[], folder: string, userNamespace: string): void {
  const shown: string[] = [];
  const show = (layer: string): string => {
    const at = `${folder}.${shown.length}`;
    mkdirSync(at, { mode: 0o700 });
    shown.push(at);
    bindShifted(layer, at, userNamespace);
    return at;
  };
  try {
    for (const spec of mounts) {
      if (spec.type === 'bind') bindShifted(spec.source, folder, userNamespace);
      else mountAll([{ ...spec, options: spec.options.map((option) => withLowers(option, show)) }], folder);
    }
  } catch (error) {
    throw wrapError(`mount snapshot at ${folder} for the user namespace ${path.basename(userNamespace)}`, error);
  } finally {
    for (const at of shown.toReversed()) {
      unmount(at);
      rmdirSync(at);
    }
  }
}

function bindShifted(source: string, target: string, userNamespace: string): void {
  const userFd = openSync(userNamespace, constants.O_RDONLY);
  try {
    const tree = openTreeClone(source);
    try {
      setIdMap(tree, userFd);
      attachMount(tree, target);
    } finally {
      close(tree);
    }
  } finally {
    closeSync(userFd);
  }
}
