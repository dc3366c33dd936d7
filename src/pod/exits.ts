import { setMaxListeners } from 'node:events';
import { isWithin } from '../lib/clock.ts';
import { isKind, messageOf } from '../lib/errors.ts';
import type { Container, ContainerExit } from './container.ts';
import { endedStatus, exitReason, writeStatus } from './container-status.ts';
import { deleteTask } from './discard.ts';
import { wasOomKilled } from './oom-kills.ts';
import type { Parts } from './parts.ts';
import type { TaskExit } from './ports.ts';

export type ExitParts = Pick<
  Parts,
  | 'log'
  | 'clock'
  | 'kernel'
  | 'namespace'
  | 'containerd'
  | 'runtimes'
  | 'logs'
  | 'sandboxes'
  | 'containers'
  | 'containerRecords'
  | 'events'
>;

/** How long a container's output may still come after its end, ms: a grandchild can hold the pipe for ever. */
const drainMs = 5_000;
const retryMs = 200;

/**
 * Watches every running container's task until it ends. One long call a container tells of its end sooner
 * and more surely than the event stream: it needs no second look after a gap, because asking again after
 * containerd was away *is* that look.
 */
export class ExitWatcher {
  readonly #parts: ExitParts;
  readonly #stop = new AbortController();
  readonly #watching = new Set<Promise<void>>();

  constructor(parts: ExitParts) {
    this.#parts = parts;
    // Every running container listens to it, and Node takes more than ten for a leak.
    setMaxListeners(0, this.#stop.signal);
  }

  /** Begins to wait for the container's end. */
  watch(container: Container): void {
    const watching = this.#watch(container).finally(() => this.#watching.delete(watching));
    this.#watching.add(watching);
  }

  /** Stops watching; the containers run on. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#watching);
  }

  async #watch(container: Container): Promise<void> {
    const exit = await this.#exitOf(container.id);
    if (exit === 'stopped watching') return;
    try {
      await recordExit(this.#parts, container, exit);
    } catch (error) {
      this.#parts.log.error({ containerId: container.id, error: messageOf(error) }, 'the end of a container could not be recorded');
      await this.#parts.clock.sleep(1000, this.#stop.signal).catch(() => {});
      if (!this.#stop.signal.aborted) this.watch(container);
    }
  }

  /** The task's end, or undefined when there is no task (any more) to end. */
  async #exitOf(id: string): Promise<TaskExit | undefined | 'stopped watching'> {
    const { containerd, clock } = this.#parts;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        return await containerd.tasks.wait(id, undefined, { signal, timeoutMs: 0 });
      } catch (error) {
        if (isKind(error, 'notFound')) return undefined;
        await clock.sleep(retryMs, signal).catch(() => {});
        await containerd.waitReady(signal).catch(() => {});
      }
    }
    return 'stopped watching';
  }
}

/**
 * Records how a container ended and lets everybody know. In this order: its output is in the log (or
 * `kubectl logs` of a short container would be empty), the reason is known (the cgroup that tells of an OOM
 * goes with the task), it is written down, it is EXITED; only then is the task deleted, which takes runc
 * another execution that nobody has to wait for.
 */
export async function recordExit(parts: ExitParts, container: Container, exit: TaskExit | undefined): Promise<void> {
  if (container.state === 'CONTAINER_EXITED') return;
  await drain(parts, container);
  const ended = exit === undefined ? lostExit(parts) : await describeExit(parts, container, exit);
  const { id, sandboxId } = container;
  try {
    await writeStatus(parts, container, (status) => endedStatus(status, ended));
    container.cleanup = deleteEndedTask(parts, container.id);
  } catch (error) {
    // A full disk must not keep containers from ending. Their tasks stay, which tell it again after a restart.
    parts.log.error({ containerId: id, error: messageOf(error) }, 'the end of a container could not be written down');
    container.become(endedStatus(container.status, ended));
  }
  parts.events.emit({ type: 'CONTAINER_STOPPED_EVENT', id, sandboxId, atNs: ended.finishedAtNs });
  parts.log.info({ containerId: id, exitCode: ended.exitCode, reason: ended.reason }, 'container ended');
}

/** The task vanished without a word: its shim was killed, or the machine rebooted. */
function lostExit(parts: Pick<Parts, 'clock'>): ContainerExit {
  return {
    exitCode: 255,
    finishedAtNs: parts.clock.nowNs(),
    reason: 'Unknown',
    message: 'the container is gone from containerd and nothing tells how it ended',
  };
}

async function describeExit(parts: ExitParts, container: Container, exit: TaskExit): Promise<ContainerExit> {
  const finishedAtNs = exit.exitedAtNs > 0n ? exit.exitedAtNs : parts.clock.nowNs();
  const reason = exitReason(exit.exitStatus, await wasOomKilled(parts, container));
  return { exitCode: exit.exitStatus, finishedAtNs, reason, message: '' };
}

/** Waits for the log pump to have everything, but not for ever. */
async function drain(parts: ExitParts, container: Container): Promise<void> {
  const isDrained = await isWithin(parts.clock, drainMs, parts.logs.drained(container.id));
  if (!isDrained) parts.log.warn({ containerId: container.id }, 'the output was still open after the container had ended');
  await parts.logs.close(container.id);
}

/** Deletes the ended task; what fails here is tried again by RemoveContainer. */
export async function deleteEndedTask(parts: Pick<Parts, 'log' | 'containerd'>, id: string): Promise<boolean> {
  try {
    await deleteTask(parts.containerd, id);
    return true;
  } catch (error) {
    parts.log.warn({ containerId: id, error: messageOf(error) }, 'could not delete the ended task yet');
    return false;
  }
}
