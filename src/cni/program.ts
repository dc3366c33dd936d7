import net from 'node:net';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { abortError, throwIfAborted } from '../lib/abort.ts';
import * as libc from '../linux/libc.ts';

/** How a program ended and what it printed. */
export interface ProgramEnd {
  readonly exitCode: number | null;
  /** The signal that killed it, or null. */
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether it printed more than it may, and was killed for it. */
  readonly tooMuch: boolean;
}

export interface ProgramInput {
  /** What the program is called in the error of an aborted run. */
  readonly what: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: string;
  readonly signal: AbortSignal;
}

const maxStdoutBytes = 1 << 20;
const maxStderrBytes = 16 << 10;
/** How long to wait for what is left in the pipes after the end: a helper that was left behind may keep them open. */
const drainMs = 1000;
/** How long to wait for a killed program to be gone: one stuck in the kernel never goes. */
const killMs = 5000;
/** Between the first looks for the end after the output has ended, and at most, ms. */
const firstLookMs = 1;
const slowestLookMs = 100;

/**
 * Runs a program with `stdin` and collects what it prints, which is bounded. It leads a process group of its own, so
 * that killing it takes along what it started (host-local, iptables). When `signal` aborts it is killed and
 * abortError thrown; what starting it throws (ENOENT, EACCES, ETXTBSY) comes through as it is.
 */
export async function runProgram(file: string, input: ProgramInput): Promise<ProgramEnd> {
  throwIfAborted(input.signal, input.what);
  const pipes = openPipes();
  try {
    const pid = await startGroup(file, input, pipes);
    let tooMuch = false;
    const stdout = collect(pipes.stdout, maxStdoutBytes, () => {
      tooMuch = true;
      killGroup(pid);
    });
    const stderr = collect(pipes.stderr, maxStderrBytes, () => {});
    const exit = await exitOf(pid, input, stdout.ended);
    await within(drainMs, Promise.all([stdout.ended, stderr.ended]));
    return { ...exit, stdout: stdout.text(), stderr: stderr.text(), tooMuch };
  } finally {
    for (const stream of [pipes.stdin, pipes.stdout, pipes.stderr]) stream.destroy();
  }
}

interface Pipes {
  readonly stdin: net.Socket;
  readonly stdout: net.Socket;
  readonly stderr: net.Socket;
  /** The program's ends, in the order of its descriptors. */
  readonly far: readonly [number, number, number];
}

/**
 * What Node makes for `stdio: 'pipe'` are sockets, which cannot be opened again by path: a shell plugin that reads
 * /dev/stdin or writes to /dev/stderr would fail with ENXIO. So these are made here, and are pipes.
 */
function openPipes(): Pipes {
  const made: number[] = [];
  const pipe = () => {
    const { readEnd, writeEnd } = libc.pipe();
    made.push(readEnd, writeEnd);
    return { readEnd, writeEnd };
  };
  try {
    return toPipes(pipe(), pipe(), pipe());
  } catch (error) {
    for (const fd of made) libc.close(fd);
    throw error;
  }
}

type Pipe = ReturnType<typeof libc.pipe>;

function toPipes(input: Pipe, stdout: Pipe, stderr: Pipe): Pipes {
  return {
    stdin: new net.Socket({ fd: input.writeEnd, readable: false, writable: true }),
    stdout: new net.Socket({ fd: stdout.readEnd, readable: true, writable: false }),
    stderr: new net.Socket({ fd: stderr.readEnd, readable: true, writable: false }),
    far: [input.readEnd, stdout.writeEnd, stderr.writeEnd],
  };
}

/** Starts the program; answers its process id. */
async function startGroup(file: string, input: ProgramInput, pipes: Pipes): Promise<number> {
  try {
    // A program may end without having read all of its input; what it says then is what counts.
    pipes.stdin.on('error', () => {});
    pipes.stdin.end(input.stdin);
    return await libc.spawnSession(file, [file], input.env, pipes.far);
  } finally {
    for (const fd of pipes.far) libc.close(fd);
  }
}

interface Exit {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** Waits for the program's end; kills it when the signal aborts. */
async function exitOf(pid: number, input: ProgramInput, outputEnded: Promise<void>): Promise<Exit> {
  const exited = reap(pid, outputEnded);
  let onAbort = (): void => {};
  const aborted = new Promise<'aborted'>((resolve) => {
    onAbort = () => resolve('aborted');
    input.signal.addEventListener('abort', onAbort, { once: true });
    if (input.signal.aborted) onAbort();
  });
  try {
    const outcome = await Promise.race([exited, aborted]);
    if (outcome !== 'aborted') return outcome;
    killGroup(pid);
    await within(killMs, exited);
    throw abortError(input.signal, input.what);
  } finally {
    input.signal.removeEventListener('abort', onAbort);
  }
}

/**
 * Looks for the end of a program until it has come. A program's output ends a moment before it does, and from then
 * on the looks are close together; before, only now and then, for one whose output a helper of its keeps open.
 */
async function reap(pid: number, outputEnded: Promise<void>): Promise<Exit> {
  let ended = false;
  void outputEnded.then(() => {
    ended = true;
  });
  for (let pauseMs = firstLookMs; ; pauseMs = Math.min(pauseMs * 2, slowestLookMs)) {
    const exit = libc.waitNow(pid);
    if (exit !== undefined) return { exitCode: exit.exitCode, signal: signalName(exit.signal) };
    const wasEnded = ended;
    await (wasEnded ? within(pauseMs, never) : within(slowestLookMs, outputEnded));
    if (ended && !wasEnded) pauseMs = firstLookMs / 2;
  }
}

const never = new Promise<void>(() => {});

function signalName(number: number | null): string | null {
  if (number === null) return null;
  const known = Object.entries(constants.signals).find(([, value]) => value === number);
  return known?.[0] ?? `signal ${number}`;
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

/** Waits for `promise`, but no longer than `ms`; the timer does not keep the process alive. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms).unref();
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

interface Collected {
  readonly ended: Promise<void>;
  text(): string;
}

/** Keeps the first `maxBytes` of a stream and reads on, so that the writer is never held up; tells when there is more. */
function collect(stream: Readable, maxBytes: number, onFull: () => void): Collected {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    if (bytes < maxBytes) chunks.push(chunk.subarray(0, maxBytes - bytes));
    bytes += chunk.length;
    if (bytes > maxBytes) onFull();
  });
  const ended = new Promise<void>((resolve) => {
    stream.once('close', resolve);
    stream.once('end', resolve);
    stream.on('error', () => resolve());
  });
  return { ended, text: () => Buffer.concat(chunks).toString('utf8') };
}
