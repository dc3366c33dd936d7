import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import net from 'node:net';
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

/**
 * Runs a program with `stdin` and collects what it prints, which is bounded. It leads a process group of its own, so
 * that killing it takes along what it started (host-local, iptables). When `signal` aborts it is killed and
 * abortError thrown; what `spawn` throws (ENOENT, EACCES, ETXTBSY) comes through as it is.
 */
export async function runProgram(file: string, input: ProgramInput): Promise<ProgramEnd> {
  throwIfAborted(input.signal, input.what);
  const pipes = openPipes();
  try {
    const child = startGroup(file, input, pipes);
    let tooMuch = false;
    const stdout = collect(pipes.stdout, maxStdoutBytes, () => {
      tooMuch = true;
      killGroup(child);
    });
    const stderr = collect(pipes.stderr, maxStderrBytes, () => {});
    const exit = await exitOf(child, input);
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

function startGroup(file: string, input: ProgramInput, pipes: Pipes): ChildProcess {
  try {
    // A program may end without having read all of its input; what it says then is what counts.
    pipes.stdin.on('error', () => {});
    pipes.stdin.end(input.stdin);
    return spawn(file, [], { env: input.env, detached: true, stdio: [...pipes.far] });
  } finally {
    for (const fd of pipes.far) libc.close(fd);
  }
}

interface Exit {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

async function exitOf(child: ChildProcess, input: ProgramInput): Promise<Exit> {
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }));
  });
  let onAbort = (): void => {};
  const aborted = new Promise<'aborted'>((resolve) => {
    onAbort = () => resolve('aborted');
    input.signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    const outcome = await Promise.race([exited, aborted]);
    if (outcome !== 'aborted') return outcome;
    killGroup(child);
    await within(killMs, exited);
    throw abortError(input.signal, input.what);
  } finally {
    input.signal.removeEventListener('abort', onAbort);
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
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
