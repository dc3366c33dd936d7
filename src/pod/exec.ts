import type { Socket } from 'node:net';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { nothingMore, throwIfAborted } from '../lib/abort.ts';
import { CodedError, errnoOf, isKind, messageOf } from '../lib/errors.ts';
import { connectFifoWriter, type FifoSet, makeFifos, openFifoInPlace, openFifoReader, removeFifos } from '../io/fifo.ts';
import { killTree } from '../linux/process-tree.ts';
import { buildExecProcess } from '../spec/exec-process.ts';
import type { OciProcess } from '../spec/oci.ts';
import { jsonAny, processTypeUrl, readSpec } from './anys.ts';
import type { Container } from './container.ts';
import { sendSignal } from './discard.ts';
import { newExecId } from './ids.ts';
import { onceReachable } from './once-reachable.ts';
import type { Parts } from './parts.ts';
import type { TaskExit, TerminalSize } from './ports.ts';

export type ExecParts = Pick<Parts, 'log' | 'clock' | 'folders' | 'containerd'>;

/** A command and which of its standard streams somebody wants; a terminal has no stderr of its own. */
export interface ExecRequest {
  readonly command: readonly string[];
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Whether its outputs are an `InPlaceSocket` each, for much of them. */
  readonly inPlace?: boolean;
  /** The size its terminal begins with, where that is known. */
  readonly size?: TerminalSize | undefined;
}

/** How long a killed process may take to be known as ended, ms. */
const killMs = 5_000;

/**
 * Starts a command in a running container, with the user, groups, capabilities and environment of its own process: the
 * one way in which podwright does so. FAILED_PRECONDITION for a container that does not run; a command that cannot be
 * started fails with the runtime's words. What is returned has to be released.
 */
export async function startExec(
  parts: ExecParts,
  container: Container,
  request: ExecRequest,
  signal?: AbortSignal,
): Promise<Exec> {
  if (container.state !== 'CONTAINER_RUNNING') {
    throw new CodedError('failedPrecondition', `container "${container.id}" is ${container.state}, not running`);
  }
  const exec = new Exec(parts, container, newExecId());
  try {
    const process = buildExecProcess(await processOf(parts, container), request.command, request.tty, request.size);
    await exec.start(process, request, signal);
    return exec;
  } catch (error) {
    exec.release();
    throw error;
  }
}

/** A process that was started in a container beside its first. */
export class Exec {
  readonly #parts: ExecParts;
  readonly #container: Container;
  readonly #execId: string;
  readonly #folder: string;
  readonly #released = new AbortController();
  readonly #ended = new AbortController();
  #pid = 0;
  #known = false;
  #stdin: Promise<Socket | undefined> = Promise.resolve(undefined);
  #stdout: Socket | undefined;
  #stderr: Socket | undefined;
  #exit: Promise<TaskExit> | undefined;

  constructor(parts: ExecParts, container: Container, execId: string) {
    this.#parts = parts;
    this.#container = container;
    this.#execId = execId;
    this.#folder = parts.folders.execState(container.id, execId);
  }

  /** What it writes; ends when the last process that can write to it has gone. A terminal has no stderr. */
  get stdout(): Socket | undefined {
    return this.#stdout;
  }

  get stderr(): Socket | undefined {
    return this.#stderr;
  }

  /** Makes the FIFOs, opens our ends of the outputs ahead of the shim's, and starts the process. */
  async start(process: OciProcess, request: ExecRequest, signal: AbortSignal | undefined): Promise<void> {
    const { tasks } = this.#parts.containerd;
    // The shim insists on all outputs, or none; what nobody asked for is read and dropped.
    const fifos = makeFifos(this.#folder, { stdin: request.stdin, stdout: true, stderr: !request.tty });
    throwIfAborted(signal, 'start');
    const created = this.#create(fifos, process, request);
    created.catch(() => {});
    // Containerd is at work meanwhile: the shim opens its ends at the start only.
    await setImmediate();
    try {
      this.#openOutputs(fifos, request);
    } finally {
      await created;
    }
    throwIfAborted(signal, 'start');
    const started = tasks.start(this.#container.id, this.#execId);
    started.catch(() => {});
    // Asked meanwhile, so that the end of a quick command is known as soon as it has come; but only once the start is
    // on its way, which it would hold up.
    await setImmediate();
    this.#exit = this.#wait();
    this.#pid = (await started).pid;
    if (fifos.stdin !== undefined) this.#stdin = this.#openStdin(fifos.stdin);
  }

  async #create({ stdin, stdout, stderr }: FifoSet, process: OciProcess, { tty }: ExecRequest): Promise<void> {
    await this.#parts.containerd.tasks.exec(this.#container.id, {
      execId: this.#execId,
      terminal: tty,
      stdin: stdin ?? '',
      stdout: stdout ?? '',
      stderr: stderr ?? '',
      spec: jsonAny(processTypeUrl, process),
    });
    this.#known = true;
  }

  #openOutputs({ stdout, stderr }: FifoSet, request: ExecRequest): void {
    const open = request.inPlace === true ? openFifoInPlace : openFifoReader;
    this.#stdout = stdout === undefined ? undefined : open(stdout);
    this.#stderr = stderr === undefined ? undefined : open(stderr);
    if (!request.stdout) this.#stdout?.resume();
    if (!request.stderr) this.#stderr?.resume();
  }

  /** Takes over what an earlier podwright started; false when the shim knows of no such process. */
  async adopt(): Promise<boolean> {
    try {
      const { pid, status } = await this.#parts.containerd.tasks.get(this.#container.id, this.#execId);
      // What was not started has none yet, and that of one that has ended may be another process's by now.
      this.#pid = status === 'created' || status === 'stopped' ? 0 : pid;
    } catch (error) {
      if (isKind(error, 'notFound')) return false;
      throw error;
    }
    this.#known = true;
    this.#stdout = this.#reopen('stdout');
    this.#stderr = this.#reopen('stderr');
    return true;
  }

  #reopen(stream: 'stdout' | 'stderr'): Socket | undefined {
    try {
      return openFifoReader(path.join(this.#folder, stream));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Where it reads from, when it is open; undefined when it ended before, or nobody asked for it. */
  get stdin(): Promise<Socket | undefined> {
    return this.#stdin;
  }

  /**
   * Its exit code, when it has ended. Rejects as containerd's answer does: `unavailable` when containerd went away
   * meanwhile, upon which one may ask again; `notFound` when its task is gone; `canceled` once it is released.
   */
  async exitCode(): Promise<number> {
    const exit = this.#exit ?? this.#wait();
    try {
      return (await exit).exitStatus;
    } catch (error) {
      this.#exit = undefined;
      throw error;
    }
  }

  /** Sets the size of its terminal. One that has ended has none any more, which is fine. */
  async resize(size: TerminalSize): Promise<void> {
    try {
      await this.#parts.containerd.tasks.resizePty(this.#container.id, this.#execId, size);
    } catch (error) {
      this.#parts.log.debug({ ...this.#ids(), error: messageOf(error) }, 'could not resize the terminal of an exec');
    }
  }

  /** Kills it with everything it started, and waits until its end is known. */
  async kill(): Promise<void> {
    const { containerd } = this.#parts;
    try {
      await killTree(this.#pid);
      await sendSignal(containerd, this.#container.id, { signal: 9, execId: this.#execId });
      await containerd.tasks.wait(this.#container.id, this.#execId, { timeoutMs: killMs });
    } catch (error) {
      if (isKind(error, 'notFound', 'failedPrecondition')) return;
      this.#parts.log.warn({ ...this.#ids(), error: messageOf(error) }, 'could not confirm that an exec was killed');
    }
  }

  /** Lets go of its streams and removes all trace of it; for when it has ended. */
  release(): void {
    // After what the caller has to answer, which this would hold up.
    globalThis.setImmediate(() => {
      this.letGo();
      // Not waited for: the shim waits up to ten seconds here for a pipe that a child may keep.
      if (this.#known) void deleteExec(this.#parts, this.#container.id, this.#execId);
      removeFifos(this.#folder);
    });
  }

  /** Lets go of its streams and leaves the rest, for the next podwright. */
  letGo(): void {
    this.#released.abort(nothingMore);
    this.#ended.abort(nothingMore);
    this.#stdout?.destroy();
    this.#stderr?.destroy();
    void this.#stdin.then((stdin) => stdin?.destroy());
  }

  #wait(): Promise<TaskExit> {
    const { signal } = this.#released;
    const exit = this.#parts.containerd.tasks.wait(this.#container.id, this.#execId, { signal, timeoutMs: 0 });
    exit.then(
      () => this.#ended.abort(nothingMore),
      () => {},
    );
    return exit;
  }

  async #openStdin(fifo: string): Promise<Socket | undefined> {
    const stdin = await connectFifoWriter(fifo, this.#parts.clock, this.#ended.signal);
    // The shim holds the FIFO open for writing as well, until it is told that there is no more.
    stdin?.once('close', () => void this.#closeStdin());
    return stdin;
  }

  async #closeStdin(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    try {
      // It waits for its end, so this has to arrive.
      const { signal } = this.#ended;
      await onceReachable(this.#parts, signal, () => this.#parts.containerd.tasks.closeIO(this.#container.id, this.#execId));
    } catch (error) {
      this.#parts.log.debug({ ...this.#ids(), error: messageOf(error) }, 'could not close the stdin of an exec');
    }
  }

  #ids(): { readonly containerId: string; readonly execId: string } {
    return { containerId: this.#container.id, execId: this.#execId };
  }
}

/** Removes an exec's record from the shim, which would otherwise grow with every probe. */
export async function deleteExec(parts: Pick<ExecParts, 'log' | 'containerd'>, containerId: string, execId: string): Promise<void> {
  try {
    await parts.containerd.tasks.deleteProcess(containerId, execId);
  } catch (error) {
    if (isKind(error, 'notFound')) return;
    parts.log.warn({ containerId, execId, error: messageOf(error) }, 'could not delete the record of an exec');
  }
}

/** The container's own process, whose user, environment and limits an exec takes over. */
async function processOf(parts: ExecParts, container: Container): Promise<OciProcess> {
  if (container.process !== undefined) return container.process;
  const stored = await parts.containerd.containers.get(container.id);
  const { process } = readSpec(stored.spec);
  container.process = process;
  return process;
}
