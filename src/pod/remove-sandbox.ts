import { CodedError, wrapError } from '../lib/errors.ts';
import { sandboxLease } from './leases.ts';
import { missingIsFine } from './missing.ts';
import type { Parts } from './parts.ts';
import { removeOwnCgroup } from './cgroups.ts';
import { removeContainer, type RemoveParts } from './remove-container.ts';
import type { Sandbox } from './sandbox.ts';
import { stopSandbox, type StopSandboxParts } from './stop-sandbox.ts';

export type RemoveSandboxParts = StopSandboxParts & RemoveParts & Pick<Parts, 'sandboxes' | 'sandboxNames'>;

/**
 * Removes a sandbox with all its containers (CRI RemovePodSandbox), stopping it first where that is still
 * owed: a sandbox whose network could not be released is not removed, or its address would leak.
 */
export async function removeSandbox(parts: RemoveSandboxParts, sandbox: Sandbox): Promise<void> {
  await stopSandbox(parts, sandbox);
  await parts.sandboxLocks.run(sandbox.id, async () => {
    if (!parts.sandboxes.has(sandbox.id)) return;
    const { id } = sandbox;
    try {
      const own = [...parts.containers.values()].filter((container) => container.sandboxId === id);
      await Promise.all(own.map((container) => removeContainer(parts, container)));
      const left = await sandbox.settleOwed();
      if (left.length > 0) throw new CodedError('unavailable', `after a failed creation of a container podwright could not ${left.join(', ')}; try again`);
      await missingIsFine(parts.containerd.leases.delete(sandboxLease(id)));
      // Once more: at the stop, its ended containers' cgroups may still have been there.
      await removeOwnCgroup(parts, sandbox);
      await parts.sandboxRecords.remove(id);
    } catch (error) {
      throw wrapError(`remove pod sandbox "${id}"`, error);
    }
    // First the event, which tells of the sandbox; nobody gets it before it is gone from the lists.
    parts.events.emit({ type: 'CONTAINER_DELETED_EVENT', id, sandboxId: id, atNs: parts.clock.nowNs() });
    parts.sandboxes.delete(id);
    parts.sandboxNames.release(sandbox.name, id);
    parts.log.info({ podSandboxId: id }, 'pod sandbox is removed');
  });
}
