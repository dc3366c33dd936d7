import { messageOf } from '../lib/errors.ts';
import { userMappings } from '../spec/namespaces.ts';
import type { Container } from './container.ts';
import { hostId } from './device-nodes.ts';
import type { Parts } from './parts.ts';
import type { SnapshotMount } from './ports.ts';
import type { Sandbox } from './sandbox.ts';

/**
 * Lets the user of a container own the working directory that was made because the image has none: after the task is
 * created, and before it is started. Root has it already. A container whose user cannot have it starts all the same.
 */
export async function ownWorkingDir(
  parts: Pick<Parts, 'kernel' | 'log'>,
  sandbox: Sandbox,
  container: Container,
  task: { readonly pid: number; readonly rootfs: readonly SnapshotMount[] },
): Promise<void> {
  const { uid, gid } = container.record.user;
  if (uid === 0 && gid === 0) return;
  const options = sandbox.config.linux?.securityContext?.namespaceOptions ?? null;
  const { uidMappings, gidMappings } = userMappings(sandbox.record.namespaces, options);
  const owner = {
    uid: uidMappings === undefined ? uid : hostId(uidMappings, uid),
    gid: gidMappings === undefined ? gid : hostId(gidMappings, gid),
  };
  try {
    await parts.kernel.giveWorkingDir(task.pid, task.rootfs, owner);
  } catch (error) {
    parts.log.warn({ containerId: container.id, error: messageOf(error) }, 'the working directory of a container stays as its runtime made it');
  }
}
