import { isWithin } from '../lib/clock.ts';
import { CodedError, isKind, wrapError } from '../lib/errors.ts';
import { discardTask, sendSignal } from './discard.ts';
import type { Container } from './container.ts';
import { recordExit, type ExitParts } from './exits.ts';
import type { Parts } from './parts.ts';

export type StopParts = ExitParts & Pick<Parts, 'containerLocks'>;

const SIGKILL = 9;
/** How long a killed process may take to be gone, ms. One in uninterruptible sleep takes for ever. */
const killMs = 60_000;

/**
 * Ends a container: its stop signal, `graceMs` to obey, then SIGKILL (CRI StopContainer; 0 kills at once).
 * Resolves when it is EXITED; a container that does not run is a success. Runs to its end whether or not
 * the caller still waits. DEADLINE_EXCEEDED when even the kill does not end it: it is then still RUNNING.
 *
 * Several calls at once send one stop signal between them, and each kills at its own time.
 */
export async function stopContainer(parts: StopParts, container: Container, graceMs: number): Promise<void> {
  // A start that is under way ends first: there would be nothing to signal, and then a running container.
  if (container.starting) await parts.containerLocks.run(container.id, async () => {});
  if (container.state === 'CONTAINER_UNKNOWN') await clearUnknown(parts, container);
  if (container.state !== 'CONTAINER_RUNNING') return;
  if (graceMs > 0) {
    if (!container.stopSignalled) await sendStopSignal(parts, container);
    if (await exitsWithin(parts, container, graceMs)) return;
    parts.log.info({ containerId: container.id, graceMs }, 'container outlived its grace period and is killed');
  }
  await signal(parts, container, SIGKILL);
  if (await exitsWithin(parts, container, killMs)) return;
  throw new CodedError(
    'deadlineExceeded',
    `stop container "${container.id}": it is still running ${killMs / 1000} s after SIGKILL, a process of it may hang in the kernel`,
  );
}

/** Sends the stop signal, once. Where it could not be sent the next call does, or the container would only be killed. */
async function sendStopSignal(parts: StopParts, container: Container): Promise<void> {
  container.stopSignalled = true;
  try {
    await signal(parts, container, container.record.stopSignal);
  } catch (error) {
    container.stopSignalled = false;
    throw error;
  }
}

/** Sends a signal to the container's first process; on SIGKILL to all. One that is gone already is fine. */
async function signal(parts: StopParts, container: Container, number: number): Promise<void> {
  try {
    await sendSignal(parts.containerd, container.id, { signal: number, all: number === SIGKILL });
  } catch (error) {
    if (!isKind(error, 'notFound', 'failedPrecondition')) {
      throw wrapError(`send signal ${number} to container "${container.id}"`, error);
    }
  }
}

async function exitsWithin(parts: StopParts, container: Container, ms: number): Promise<boolean> {
  return await isWithin(parts.clock, ms, container.exited);
}

/** A failed start that could not be cleaned up: kill and delete what is left of its task, then it has ended. */
async function clearUnknown(parts: StopParts, container: Container): Promise<void> {
  await discardTask(parts.containerd, container.id);
  await recordExit(parts, container, undefined);
}
