import { isDeepStrictEqual } from 'node:util';
import type { LinuxContainerResources__Output } from '../types/cri/runtime/v1/LinuxContainerResources.ts';
import { allSettledOrThrow } from '../lib/all-settled.ts';
import { CodedError, isKind, wrapError } from '../lib/errors.ts';
import type { OciResources, OciSpec } from '../spec/oci.ts';
import { clampOomScoreAdj } from '../spec/oom.ts';
import { mergeResources, toCriResources } from '../spec/resources.ts';
import { refuseHugepageChange, toTaskResources } from '../spec/task-resources.ts';
import { jsonAny, linuxResourcesTypeUrl, readSpec, specTypeUrl } from './anys.ts';
import { writeStatus } from './container-status.ts';
import type { Container } from './container.ts';
import { onceReachable } from './once-reachable.ts';
import type { Parts } from './parts.ts';

export type UpdateParts = Pick<Parts, 'clock' | 'containerd' | 'host' | 'kernel' | 'containerRecords' | 'containerLocks'>;

/**
 * Changes a container's resources (CRI UpdateContainerResources): fields that are zero or empty stay as
 * they are, `unified` is merged by key. When the runtime refuses them nothing changes. Where containerd goes away
 * meanwhile it is asked again when it is back, as long as `signal` lets it.
 */
export async function updateContainer(
  parts: UpdateParts,
  container: Container,
  asked: LinuxContainerResources__Output,
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  await parts.containerLocks.run(container.id, async () => {
    const { state, id } = container;
    if (state !== 'CONTAINER_CREATED' && state !== 'CONTAINER_RUNNING') {
      throw new CodedError('failedPrecondition', `update container "${id}": it is ${state}, only a created or running one has resources`);
    }
    try {
      await update(parts, container, asked, signal);
    } catch (error) {
      throw wrapError(`update the resources of container "${id}"`, error);
    }
  });
}

/**
 * Nothing is written down before it is in force: what cannot be written, or is cut off by a crash, leaves no claim to
 * be taken back. For a container that runs that is its task, and its status keeps it; the spec follows and is never
 * ahead of that. For one that does not run it is the spec itself, out of which a restart makes the status anew.
 */
async function update(
  parts: UpdateParts,
  container: Container,
  asked: LinuxContainerResources__Output,
  signal: AbortSignal,
): Promise<void> {
  const { containerd, host } = parts;
  const stored = await containerd.containers.get(container.id);
  const runs = container.state === 'CONTAINER_RUNNING';
  const spec = runs ? specInForce(readSpec(stored.spec), container.status.resources, host) : readSpec(stored.spec);
  const resources = mergeResources(spec.linux.resources, asked, host);
  if (runs && host.cgroupVersion === 1) refuseHugepageChange(spec.linux.resources, resources);
  const score = asked.oomScoreAdj === '0' ? undefined : clampOomScoreAdj(Number(asked.oomScoreAdj), host);
  const process = score === undefined ? spec.process : { ...spec.process, oomScoreAdj: score };
  const updated: OciSpec = { ...spec, process, linux: { ...spec.linux, resources } };
  const told = toCriResources(updated);
  const store = (): Promise<unknown> => containerd.containers.update({ ...stored, spec: jsonAny(specTypeUrl, updated) }, ['spec']);
  if (!runs) {
    await onceReachable(parts, signal, store);
    await container.changeStatus(async () => container.become({ ...container.status, resources: told }));
  } else if (await updateTask(parts, container.id, toTaskResources(resources, host), signal)) {
    await allSettledOrThrow([
      writeStatus(parts, container, (status) => ({ ...status, resources: told })).then(() => onceReachable(parts, signal, store)),
      // No runtime changes it for what runs.
      score === undefined ? Promise.resolve() : parts.kernel.setOomScore(spec.linux.cgroupsPath, score),
    ]);
  }
  if (container.process !== undefined) container.process = process;
}

/** The spec with what is in force: it is behind where an earlier update could not write it. */
function specInForce(spec: OciSpec, resources: LinuxContainerResources__Output | null, host: UpdateParts['host']): OciSpec {
  if (resources === null || isDeepStrictEqual(toCriResources(spec), resources)) return spec;
  const oomScoreAdj = Number(resources.oomScoreAdj);
  return {
    ...spec,
    process: oomScoreAdj === 0 ? spec.process : { ...spec.process, oomScoreAdj },
    linux: { ...spec.linux, resources: mergeResources(spec.linux.resources, resources, host) },
  };
}

/** Gives a task its resources; false where it ended in between: its next start is a new container. */
async function updateTask(parts: UpdateParts, id: string, resources: OciResources, signal: AbortSignal): Promise<boolean> {
  try {
    await onceReachable(parts, signal, () => parts.containerd.tasks.update(id, jsonAny(linuxResourcesTypeUrl, resources)));
    return true;
  } catch (error) {
    if (await hasEnded(parts, id)) return false;
    throw error;
  }
}

/** Whether a task runs no longer. The shim has no error of its own for that, only words. */
async function hasEnded(parts: UpdateParts, id: string): Promise<boolean> {
  try {
    return (await parts.containerd.tasks.get(id)).status === 'stopped';
  } catch (error) {
    return isKind(error, 'notFound');
  }
}
