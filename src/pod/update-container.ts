import type { LinuxContainerResources__Output } from '../types/cri/runtime/v1/LinuxContainerResources.ts';
import { CodedError, isKind, wrapError } from '../lib/errors.ts';
import type { OciSpec } from '../spec/oci.ts';
import { clampOomScoreAdj } from '../spec/oom.ts';
import { mergeResources, toCriResources } from '../spec/resources.ts';
import { refuseHugepageChange, toTaskResources } from '../spec/task-resources.ts';
import { jsonAny, linuxResourcesTypeUrl, readSpec, specTypeUrl } from './anys.ts';
import { writeStatus } from './container-status.ts';
import type { Container } from './container.ts';
import type { Parts } from './parts.ts';

export type UpdateParts = Pick<Parts, 'containerd' | 'host' | 'kernel' | 'containerRecords' | 'containerLocks' | 'log'>;

/**
 * Changes a container's resources (CRI UpdateContainerResources): fields that are zero or empty stay as
 * they are, `unified` is merged by key. A running one gets them now, and its spec keeps them for a
 * restart; when the runtime refuses them nothing changes.
 */
export async function updateContainer(
  parts: UpdateParts,
  container: Container,
  asked: LinuxContainerResources__Output,
): Promise<void> {
  await parts.containerLocks.run(container.id, async () => {
    const { state, id } = container;
    if (state !== 'CONTAINER_CREATED' && state !== 'CONTAINER_RUNNING') {
      throw new CodedError('failedPrecondition', `update container "${id}": it is ${state}, only a created or running one has resources`);
    }
    try {
      await update(parts, container, asked);
    } catch (error) {
      throw wrapError(`update the resources of container "${id}"`, error);
    }
  });
}

async function update(parts: UpdateParts, container: Container, asked: LinuxContainerResources__Output): Promise<void> {
  const { containerd, host } = parts;
  const stored = await containerd.containers.get(container.id);
  const spec = readSpec(stored.spec);
  const resources = mergeResources(spec.linux.resources, asked, host);
  const runs = container.state === 'CONTAINER_RUNNING';
  if (runs && host.cgroupVersion === 1) refuseHugepageChange(spec.linux.resources, resources);
  const score = asked.oomScoreAdj === '0' ? undefined : clampOomScoreAdj(Number(asked.oomScoreAdj), host);
  const process = score === undefined ? spec.process : { ...spec.process, oomScoreAdj: score };
  const updated: OciSpec = { ...spec, process, linux: { ...spec.linux, resources } };
  await containerd.containers.update({ ...stored, spec: jsonAny(specTypeUrl, updated) }, ['spec']);
  if (runs) {
    try {
      await containerd.tasks.update(container.id, jsonAny(linuxResourcesTypeUrl, toTaskResources(resources, host)));
    } catch (error) {
      await containerd.containers.update(stored, ['spec']);
      // It ended in between: its next start is a new container, and this one needs nothing any more.
      if (await hasEnded(parts, container.id)) return;
      throw error;
    }
    // No runtime changes it for what runs.
    if (score !== undefined) await parts.kernel.setOomScore(spec.linux.cgroupsPath, score);
  }
  if (container.process !== undefined) container.process = process;
  await writeStatus(parts, container, (status) => ({ ...status, resources: toCriResources(updated) }));
}

/** Whether a task runs no longer. The shim has no error of its own for that, only words. */
async function hasEnded(parts: UpdateParts, id: string): Promise<boolean> {
  try {
    return (await parts.containerd.tasks.get(id)).status === 'stopped';
  } catch (error) {
    return isKind(error, 'notFound');
  }
}
