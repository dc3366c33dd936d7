import { CodedError, wrapError } from '../lib/errors.ts';
import { nothingMore, throwIfAborted, untilAborted } from '../lib/abort.ts';
import { isWithin, maxTimerMs } from '../lib/clock.ts';
import { readCapped, type CappedOutput } from '../io/fifo.ts';
import type { Container } from './container.ts';
import { startExec, type Exec, type ExecParts } from './exec.ts';

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
 * longer than `timeoutMs` (0: no limit), and then its whole process tree is dead. Fails as `startExec` does.
 */
export async function execSync(
  parts: ExecParts,
  container: Container,
  request: { readonly command: readonly string[]; readonly timeoutMs: number },
  signal?: AbortSignal,
): Promise<ExecResult> {
  try {
    const streams = { tty: false, stdin: false, stdout: true, stderr: true };
    const exec = await startExec(parts, container, { command: request.command, ...streams }, signal);
    try {
      return await runExec(parts, exec, request.timeoutMs, signal);
    } finally {
      exec.release();
    }
  } catch (error) {
    throw wrapError(`exec in container "${container.id}"`, error);
  }
}

async function runExec(parts: ExecParts, exec: Exec, timeoutMs: number, signal: AbortSignal | undefined): Promise<ExecResult> {
  const [stdout, stderr] = [readCapped(exec.stdout, capBytes), readCapped(exec.stderr, capBytes)];
  const limit = new TimeLimit(timeoutMs, signal);
  try {
    const exitCode = await exitCodeOf(exec, limit);
    await drained(parts, [stdout, stderr]);
    return { stdout: stdout.bytes(), stderr: stderr.bytes(), exitCode };
  } finally {
    limit.end();
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
    this.#stop.abort(nothingMore);
  }
}

/** The exit code of the exec's process; kills its tree when the time is up or the caller has gone. */
async function exitCodeOf(exec: Exec, limit: TimeLimit): Promise<number> {
  try {
    return await untilAborted(exec.exitCode(), limit.signal, 'wait');
  } catch (error) {
    if (!limit.signal.aborted) throw error;
    await exec.kill();
    throwIfAborted(limit.signal, 'wait');
    throw error;
  }
}

/** Waits for the end of both streams, but no longer than `drainMs`. */
async function drained(parts: ExecParts, readers: readonly CappedOutput[]): Promise<void> {
  await isWithin(parts.clock, drainMs, Promise.all(readers.map((reader) => reader.done)));
}
