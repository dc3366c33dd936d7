import { CodedError, isKind, messageOf, wrapError } from '../lib/errors.ts';
import { endedStatus, writeStatus } from './container-status.ts';
import type { Container } from './container.ts';
import { makeOutput } from './container-output.ts';
import { targetPid } from './container-spec.ts';
import { discardTask } from './discard.ts';
import { labelledRoot } from './labels.ts';
import { sandboxLease } from './leases.ts';
import { noteOomKills } from './oom-kills.ts';
import type { Parts } from './parts.ts';
import type { CallOptions, NewTask } from './ports.ts';
import type { Sandbox } from './sandbox.ts';
import { ownWorkingDir } from './working-dir.ts';

export type StartParts = Pick<
  Parts,
  | 'log'
  | 'clock'
  | 'folders'
  | 'kernel'
  | 'namespace'
  | 'containerd'
  | 'runtimes'
  | 'logs'
  | 'pauses'
  | 'sandboxes'
  | 'containers'
  | 'containerRecords'
  | 'containerLocks'
  | 'events'
  | 'exits'
>;

/**
 * Starts a created container (CRI StartContainer). One that cannot be started becomes EXITED with code 128,
 * reason StartError and the runtime's own words, and the call fails with them.
 */
export async function startContainer(parts: StartParts, container: Container): Promise<void> {
  await parts.containerLocks.run(container.id, async () => {
    // It may have been removed while this waited, and a start would make its folders anew.
    if (!parts.containers.has(container.id)) throw new CodedError('notFound', `container "${container.id}" is removed`);
    const sandbox = parts.sandboxes.find(container.sandboxId);
    if (container.state !== 'CONTAINER_CREATED') {
      throw new CodedError('failedPrecondition', `container "${container.id}" is ${container.state}: only a created one can be started`);
    }
    if (sandbox === undefined || !sandbox.isReady) {
      throw new CodedError('failedPrecondition', `pod sandbox "${container.sandboxId}" of container "${container.id}" is not ready`);
    }
    container.starting = true;
    try {
      await start(parts, sandbox, container);
    } catch (error) {
      await fail(parts, container, error);
      throw wrapError(`start container "${container.id}"`, error);
    } finally {
      container.starting = false;
    }
  });
}

async function start(parts: StartParts, sandbox: Sandbox, container: Container): Promise<void> {
  const { containerd } = parts;
  const { id, record } = container;
  const runtime = parts.runtimes.of(sandbox.record.runtimeHandler);
  // A target may have ended since this was created, and its process id be that of any other process by now.
  targetPid(parts, sandbox, record.config);
  const [streams] = await Promise.all([
    makeOutput(parts, container),
    parts.pauses.settledAmidMany(sandbox.id),
    noteOomKills(parts, sandbox),
  ]);
  const rootfs = container.rootfs ?? (await containerd.snapshots(record.snapshotter).mounts(id));
  container.rootfs = undefined;
  const { pid } = await createTask(
    containerd,
    {
      containerId: id,
      rootfs: labelledRoot(rootfs, record.mountLabel),
      ...streams,
      terminal: record.config.tty,
      ...(runtime.options && { options: runtime.options }),
    },
    { lease: sandboxLease(sandbox.id) },
  );
  await ownWorkingDir(parts, sandbox, container, { pid, rootfs });
  const startedAtNs = parts.clock.nowNs();
  const running = { ...container.status, pid, startedAtNs: startedAtNs.toString() };
  // Written beside the start, not after it: a crash in between is settled by asking containerd for the task.
  const written = parts.containerRecords.write(id, { version: 1, ...running });
  const outcomes = await Promise.allSettled([containerd.tasks.start(id), written]);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  container.become(running);
  parts.events.emit({ type: 'CONTAINER_STARTED_EVENT', id, sandboxId: sandbox.id, atNs: startedAtNs });
  parts.log.info({ containerId: id, pid }, 'container is started');
  parts.exits.watch(container);
}

/**
 * Creates the task, a second time where the shim ended in the midst: the first container of a Pod goes into its pause
 * container's shim, which may be ending just then because that one died.
 */
async function createTask(containerd: StartParts['containerd'], task: NewTask, call: CallOptions): Promise<{ readonly pid: number }> {
  try {
    return await containerd.tasks.create(task, call);
  } catch (error) {
    if (!isKind(error, 'aborted')) throw error;
    await discardTask(containerd, task.containerId);
    return await containerd.tasks.create(task, call);
  }
}

/** After a failed start: no task is left, or the container is UNKNOWN and its removal tries again. */
async function fail(parts: StartParts, container: Container, cause: unknown): Promise<void> {
  const { id } = container;
  const nowNs = parts.clock.nowNs();
  const ended = endedStatus(container.status, {
    exitCode: 128,
    finishedAtNs: nowNs,
    reason: 'StartError',
    message: messageOf(cause),
  });
  const startedAtNs = container.status.startedAtNs === '0' ? nowNs.toString() : container.status.startedAtNs;
  let unknown = false;
  try {
    await discardTask(parts.containerd, id);
    await parts.logs.close(id);
  } catch (error) {
    unknown = true;
    parts.log.error({ containerId: id, error: messageOf(error) }, 'what a failed start left could not be cleaned up');
  }
  const status = { ...ended, startedAtNs, unknown };
  try {
    await writeStatus(parts, container, () => status);
  } catch (error) {
    parts.log.error({ containerId: id, error: messageOf(error) }, 'a failed start could not be recorded');
    container.become(status);
  }
  if (!unknown) parts.events.emit({ type: 'CONTAINER_STOPPED_EVENT', id, sandboxId: container.sandboxId, atNs: nowNs });
}
