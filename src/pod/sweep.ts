import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf, messageOf } from '../lib/errors.ts';
import { pauseExtensionName } from './cri-labels.ts';
import { leaseLabel, sandboxLease } from './leases.ts';
import { missingIsFine } from './missing.ts';
import type { Parts } from './parts.ts';
import { removeCgroupOf } from './cgroups.ts';
import { discardPause } from './discard.ts';
import { releaseViews, viewNames } from './image-views.ts';
import type { StoredContainer } from './ports.ts';
import { removeSandboxState } from './sandbox-files.ts';

type SweepParts = Pick<
  Parts,
  'log' | 'folders' | 'kernel' | 'namespace' | 'containerd' | 'network' | 'runtimes' | 'sandboxes' | 'sandboxRecords' | 'containerRecords'
>;

/**
 * Removes what belongs to nothing: traces of acts that a crash cut off, and what a Pod held whose record is
 * unreadable. Only what is certainly podwright's is touched: what lies in its folders, its leases, and
 * records that carry its own mark (containerd's CRI shapes a pause container alike).
 */
export async function sweep(
  parts: SweepParts,
  found: { readonly containers: readonly StoredContainer[]; readonly pauses: readonly StoredContainer[] },
): Promise<void> {
  const { folders, sandboxes } = parts;
  const lost = (id: string): boolean => !sandboxes.has(id);
  const containers = new Set(found.containers.map((one) => one.id));
  const pauses = found.pauses.filter((one) => one.extensions[pauseExtensionName] !== undefined && lost(one.id));
  await each(parts, 'pause container', pauses, (one) => discardPause(parts.containerd, one.id, one.snapshotter));
  const stale = (await idsIn(path.join(folders.state, 'sandboxes'))).filter(lost);
  await each(parts, "sandbox's network and mounts", stale, async (id) => {
    await parts.network.del({ id, netnsPath: path.join(folders.namespaces(id), 'net') });
    await removeSandboxState(parts, id);
  });
  const { systemdCgroup } = parts.runtimes.get('');
  const cgroups = new Set([...pauses.map((one) => one.id), ...stale]);
  await each(parts, 'cgroup', [...cgroups], (id) => removeCgroupOf(parts, id, systemdCgroup));
  await each(parts, 'sandbox folder', (await parts.sandboxRecords.ids()).filter(lost), (id) => parts.sandboxRecords.remove(id));
  await each(parts, 'lease', (await leasedSandboxes(parts)).filter(lost), (id) =>
    missingIsFine(parts.containerd.leases.delete(sandboxLease(id))),
  );
  const unowned = (await parts.containerRecords.ids()).filter((id) => !containers.has(id));
  const stray = (await idsIn(folders.containerStates)).filter((id) => !containers.has(id));
  await each(parts, "container's views and FIFOs", stray, (id) => removeContainerState(parts, id));
  await each(parts, 'container folder', unowned, (id) => parts.containerRecords.remove(id));
}

/** Does one thing to each, reporting what fails; the next start tries those again. */
async function each<T>(parts: SweepParts, what: string, items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  for (const item of items) {
    const id = typeof item === 'object' && item !== null && 'id' in item ? item.id : item;
    try {
      await act(item);
      parts.log.info({ id }, `swept away a ${what} that belonged to nothing`);
    } catch (error) {
      parts.log.warn({ id, error: messageOf(error) }, `could not sweep away a ${what} that belongs to nothing`);
    }
  }
}

/** The sandbox ids that leases of podwright's exist for. */
async function leasedSandboxes(parts: SweepParts): Promise<string[]> {
  const leases = await parts.containerd.leases.list([]);
  return leases.flatMap((lease) => {
    const id = lease.labels[leaseLabel];
    return id !== undefined && lease.id === sandboxLease(id) ? [id] : [];
  });
}

/** Snapshotters are asked in turn, as nothing says which of them made the views. */
async function removeContainerState(parts: SweepParts, id: string): Promise<void> {
  const snapshotters = new Set(parts.runtimes.values().map((runtime) => runtime.snapshotter));
  await releaseViews(parts, id, [...snapshotters], await viewNames(parts, id));
  await rm(parts.folders.containerState(id), { recursive: true, force: true });
}

async function idsIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
