import type { Socket } from 'node:net';
import { CodedError, isKind, messageOf } from '../lib/errors.ts';
import { tryFifoWriter } from '../io/fifo.ts';
import type { Container } from './container.ts';
import { onceReachable } from './once-reachable.ts';
import type { Parts } from './parts.ts';
import type { TappedPort, TerminalSize } from './ports.ts';

export type AttachParts = Pick<Parts, 'log' | 'clock' | 'folders' | 'containerd' | 'logs'>;

/** How long containerd may be away while a container is to be told that its input has ended, ms. */
const closeMs = 120_000;

/** A container's own process, as somebody who joins it from outside has it. */
export interface Attachment {
  readonly stdout: TappedPort | undefined;
  readonly stderr: TappedPort | undefined;
  /** Where the process reads from; undefined where it reads from nowhere, or that was closed. */
  readonly stdin: Socket | undefined;
  resize(size: TerminalSize): Promise<void>;
  /** Leaves; the process does not notice. */
  detach(): void;
}

/** Joins a running container's own process (CRI Attach): its outputs from now on, and its stdin beside all others'. */
export async function attachTo(
  parts: AttachParts,
  container: Container,
  wanted: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean },
): Promise<Attachment> {
  const { id, state } = container;
  if (state !== 'CONTAINER_RUNNING') {
    throw new CodedError('failedPrecondition', `container "${id}" is ${state}, not running`);
  }
  const { tty } = container.record.config;
  const [stdout, stderr] = await Promise.all([
    wanted.stdout ? parts.logs.tap(id, 'stdout') : undefined,
    wanted.stderr && !tty ? parts.logs.tap(id, 'stderr') : undefined,
  ]);
  const stdin = wanted.stdin ? openStdin(parts, container) : undefined;
  return {
    stdout,
    stderr,
    stdin,
    async resize(size) {
      try {
        await parts.containerd.tasks.resizePty(id, '', size);
      } catch (error) {
        parts.log.debug({ containerId: id, error: messageOf(error) }, 'could not resize the terminal of a container');
      }
    },
    detach() {
      stdout?.stop();
      stderr?.stop();
      // What the client has sent is still the process'.
      stdin?.end();
    },
  };
}

function openStdin(parts: AttachParts, container: Container): Socket | undefined {
  const { stdin, stdinOnce, tty } = container.record.config;
  if (!stdin) return undefined;
  const writer = tryFifoWriter(parts.folders.containerStdin(container.id));
  // Only the shim's own end keeps the FIFO from its end between two clients; for stdin_once it has to go with the
  // first. A terminal has no end to be told of, and whoever comes back to it wants to type on.
  if (stdinOnce && !tty) writer?.once('close', () => void closeStdin(parts, container.id));
  return writer;
}

async function closeStdin(parts: AttachParts, id: string): Promise<void> {
  try {
    await onceReachable(parts, AbortSignal.timeout(closeMs), () => parts.containerd.tasks.closeIO(id));
  } catch (error) {
    if (isKind(error, 'notFound')) return;
    parts.log.warn({ containerId: id, error: messageOf(error) }, 'could not close the stdin of a container');
  }
}
