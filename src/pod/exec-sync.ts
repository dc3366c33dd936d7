import { rm } from 'node:fs/promises';
import path from 'node:path';
import { CodedError, isKind, messageOf, wrapError } from '../lib/errors.ts';
import { throwIfAborted } from '../lib/abort.ts';
import { maxTimerMs } from '../lib/clock.ts';
import { makeFifos, readCapped, type CappedOutput } from '../io/fifo.ts';
import { killTree } from '../linux/process-tree.ts';
import { buildExecProcess } from '../spec/exec-process.ts';
import type { OciProcess } from '../spec/oci.ts';
import { jsonAny, processTypeUrl, readSpec } from './anys.ts';
import type { Container } from './container.ts';
import { newExecId } from './ids.ts';
import type { Parts } from './parts.ts';
import type { TaskExit } from './ports.ts';

export type ExecParts = Pick<Parts, 'log' | 'clock' | 'folders' | 'containerd'>;

/** What one stream may keep of its output, bytes; the rest is read and dropped (CRI ExecSync). */
const capBytes = 16 * 1024 * 1024;
/** How long output may still come after the process has ended, ms: a child in the background keeps the pipe. */
const drainMs = 2_000;

export interface ExecResult {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly exitCode: number;
}

/**
 * Runs a command in a running container and waits for it (CRI ExecSync). DEADLINE_EXCEEDED when it takes
 * longer than `timeoutMs` (0: no limit), and then its whole process tree is dead. FAILED_PRECONDITION for a
 * container that does not run. A command that cannot be started fails with the runtime's words.
 */
export async function execSync(
  parts: ExecParts,
  container: Container,
  request: { readonly command: readonly string[]; readonly timeoutMs: number },
  signal?: AbortSignal,
): Promise<ExecResult> {
  if (container.state !== 'CONTAINER_RUNNING') {
    throw new CodedError('failedPrecondition', `exec in container "${container.id}": it is ${container.state}, not running`);
  }
  const execId = newExecId();
  const folder = parts.folders.execState(container.id, execId);
  try {
    const process = buildExecProcess(await processOf(parts, container), request.command, false);
    await makeFifos(folder, { stdin: false, stdout: true, stderr: true });
    return await runExec(parts, container, execId, folder, process, request.timeoutMs, signal);
  } catch (error) {
    throw wrapError(`exec in container "${container.id}"`, error);
  } finally {
    rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}

async function runExec(
  parts: ExecParts,
  container: Container,
  execId: string,
  folder: string,
  process: OciProcess,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<ExecResult> {
  const { tasks } = parts.containerd;
  const stdout = path.join(folder, 'stdout');
  const stderr = path.join(folder, 'stderr');
  const readers: CappedOutput[] = [];
  const limit = new TimeLimit(timeoutMs, signal);
  let isMade = false;
  try {
    const out = readCapped(stdout, capBytes);
    readers.push(out);
    const err = readCapped(stderr, capBytes);
    readers.push(err);
    throwIfAborted(signal, 'start');
    await tasks.exec(container.id, {
      execId,
      terminal: false,
      stdin: '',
      stdout,
      stderr,
      spec: jsonAny(processTypeUrl, process),
    });
    isMade = true;
    // Asked before the start, so that the end of a quick command is known as soon as it has come.
    const exit = tasks.wait(container.id, execId, { signal: limit.signal, timeoutMs: 0 });
    exit.catch(() => {});
    const { pid } = await tasks.start(container.id, execId);
    const exitCode = await exitCodeOf(parts, container, execId, pid, exit, limit);
    await drained(parts, readers);
    return { stdout: out.bytes(), stderr: err.bytes(), exitCode };
  } finally {
    limit.end();
    for (const reader of readers) reader.stop();
    // Not waited for: the shim waits up to ten seconds here for a pipe that a child may keep.
    if (isMade) deleteExec(parts, container, execId).catch(() => {});
  }
}

/** Aborts its signal when the time is up or the caller has gone, whichever comes first. */
class TimeLimit {
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #caller: AbortSignal | undefined;
  readonly #onAbort: () => void;

  constructor(timeoutMs: number, caller: AbortSignal | undefined) {
    this.#caller = caller;
    this.#onAbort = () => this.#stop.abort(caller?.reason);
    caller?.addEventListener('abort', this.#onAbort, { once: true });
    if (caller?.aborted) this.#onAbort();
    // What a timer cannot wait for is no limit either.
    if (timeoutMs <= 0 || timeoutMs > maxTimerMs) return;
    const late = new CodedError('deadlineExceeded', `the command is not done after ${timeoutMs / 1000} s and was killed`);
    this.#timer = setTimeout(() => this.#stop.abort(late), timeoutMs);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Lets go of timer and caller; ends what still waits under this limit. */
  end(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener('abort', this.#onAbort);
    this.#stop.abort();
  }
}

/** The exit code of the exec's process; kills its tree when the time is up or the caller has gone. */
async function exitCodeOf(
  parts: ExecParts,
  container: Container,
  execId: string,
  pid: number,
  exit: Promise<TaskExit>,
  limit: TimeLimit,
): Promise<number> {
  try {
    return (await exit).exitStatus;
  } catch (error) {
    if (!limit.signal.aborted) throw error;
    await killExec(parts, container, execId, pid);
    throwIfAborted(limit.signal, 'wait');
    throw error;
  }
}

/** Kills the exec's process with everything it started, and waits until its end is known. */
async function killExec(parts: ExecParts, container: Container, execId: string, pid: number): Promise<void> {
  const { tasks } = parts.containerd;
  try {
    await killTree(pid);
    await tasks.kill(container.id, { signal: 9, execId });
    await tasks.wait(container.id, execId, { timeoutMs: 5_000 });
  } catch (error) {
    if (isKind(error, 'notFound', 'failedPrecondition')) return;
    parts.log.warn({ containerId: container.id, execId, error: messageOf(error) }, 'could not confirm that an exec was killed');
  }
}

/** Waits for the end of both streams, but no longer than `drainMs`. */
async function drained(parts: ExecParts, readers: readonly CappedOutput[]): Promise<void> {
  const enough = new AbortController();
  const late = parts.clock.sleep(drainMs, enough.signal).catch(() => {});
  await Promise.race([Promise.all(readers.map((reader) => reader.done)), late]);
  enough.abort();
}

/** Removes the exec's record from the shim, which would otherwise grow with every probe. */
async function deleteExec(parts: ExecParts, container: Container, execId: string): Promise<void> {
  try {
    await parts.containerd.tasks.deleteProcess(container.id, execId);
  } catch (error) {
    if (isKind(error, 'notFound')) return;
    parts.log.warn({ containerId: container.id, execId, error: messageOf(error) }, 'could not delete the record of an exec');
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
