import { constants, mkdirSync, openSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import type { Clock } from '../lib/clock.ts';
import { errnoOf, wrapError } from '../lib/errors.ts';
import { mkfifo, setPipeSize } from '../linux/libc.ts';
import { InPlaceSocket } from './in-place-socket.ts';

/** Which streams of a process go through a FIFO. With a tty stdout carries both outputs. */
export interface FifoSet {
  readonly stdin?: string;
  readonly stdout?: string;
  readonly stderr?: string;
}

/** What a FIFO that carries much has room for. The shim moves 32 KiB at a time: fewer turns with it make the speed. */
const roomBytes = 256 * 1024;
const streams = ['stdin', 'stdout', 'stderr'] as const;

/**
 * Makes the FIFOs of a container's or an exec's process in `dir`, which is made where it is missing. What a
 * crash left of an earlier try is replaced. Synchronous, as it is some microseconds on the tmpfs of the state folder,
 * and every way through the thread pool costs a probe more than that.
 */
export function makeFifos(dir: string, wanted: { stdin?: boolean; stdout?: boolean; stderr?: boolean }): FifoSet {
  const fifos: { stdin?: string; stdout?: string; stderr?: string } = {};
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    for (const stream of streams) {
      if (wanted[stream] !== true) continue;
      const file = path.join(dir, stream);
      makeFifo(file);
      fifos[stream] = file;
    }
    return fifos;
  } catch (error) {
    throw wrapError(`make fifos in ${dir}`, error);
  }
}

function makeFifo(file: string): void {
  try {
    mkfifo(file, 0o600);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    rmSync(file, { force: true });
    mkfifo(file, 0o600);
  }
}

/** Removes the FIFOs that `makeFifos` made, and their folder unless somebody put more there. Never fails. */
export function removeFifos(dir: string): void {
  for (const stream of streams) quietly(() => unlinkSync(path.join(dir, stream)));
  quietly(() => rmdirSync(dir));
}

function quietly(remove: () => void): void {
  try {
    remove();
  } catch {
    // It is gone, or its folder is not empty: then the folder goes with its container.
  }
}

/**
 * Opens a FIFO to read from, as a stream that ends when its last writer goes. It does not wait for the first
 * writer and holds no thread; open it before the shim is told of it.
 */
export function openFifoReader(file: string): net.Socket {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  return new net.Socket({ fd, readable: true, writable: false });
}

/** As `openFifoReader`, for much: with more room, and without a buffer for each read. */
export function openFifoInPlace(file: string): InPlaceSocket {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  makeRoom(fd);
  return new InPlaceSocket({ fd, readable: true, writable: false });
}

/**
 * Opens a FIFO to write to. Read and write, because a write-only open fails until the shim has its end; the
 * reader sees end of file when this is destroyed.
 */
export function openFifoWriter(file: string): net.Socket {
  const fd = openSync(file, constants.O_RDWR | constants.O_NONBLOCK);
  return new net.Socket({ fd, readable: false, writable: true });
}

/**
 * Opens a FIFO to write to as soon as somebody reads it; undefined when the signal aborts first. What is written then
 * has a reader, unlike with `openFifoWriter`, whose own end would keep and in the end drop it; and writing fails once
 * the reader has gone.
 */
export async function connectFifoWriter(file: string, clock: Clock, signal: AbortSignal): Promise<net.Socket | undefined> {
  for (let delayMs = 1; !signal.aborted; delayMs = Math.min(2 * delayMs, 100)) {
    const writer = tryFifoWriter(file);
    if (writer !== undefined) return writer;
    await clock.sleep(delayMs, signal).catch(() => {});
  }
  return undefined;
}

/** Opens a FIFO to write to if it is there and somebody reads it now. */
export function tryFifoWriter(file: string): net.Socket | undefined {
  let fd: number;
  try {
    fd = openSync(file, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (['ENXIO', 'ENOENT'].includes(errnoOf(error) ?? '')) return undefined;
    throw wrapError(`open fifo ${file} to write`, error);
  }
  makeRoom(fd);
  const writer = new net.Socket({ fd, readable: false, writable: true });
  // The reader may go at any time, and then nobody wants what is written.
  writer.on('error', () => {});
  return writer;
}

function makeRoom(fd: number): void {
  try {
    setPipeSize(fd, roomBytes);
  } catch {
    // More than this user may have in pipes: then it is as large as it is.
  }
}

/** Output being collected up to a limit. */
export interface CappedOutput {
  /** Resolves when the last writer has gone, or after `stop`; rejects when reading fails. */
  readonly done: Promise<void>;
  /** What was collected so far, at most the limit; more was read and thrown away. */
  bytes(): Buffer;
  /** Whether there was more than the limit. */
  readonly truncated: boolean;
  /** Stops reading now, for a process whose child keeps the pipe. */
  stop(): void;
}

/**
 * Reads a FIFO to its end, keeps the first `capBytes` and throws the rest away, so that the writer never blocks. Where
 * there is none, there is no output.
 */
export function readCapped(socket: net.Socket | undefined, capBytes: number): CappedOutput {
  const chunks: Buffer[] = [];
  let kept = 0;
  let truncated = false;
  socket?.on('data', (chunk) => {
    const part = chunk.subarray(0, capBytes - kept);
    if (part.length < chunk.length) truncated = true;
    if (part.length === 0) return;
    kept += part.length;
    chunks.push(part);
  });
  return {
    done: socket === undefined ? Promise.resolve() : ended(socket),
    bytes: () => Buffer.concat(chunks, kept),
    get truncated() {
      return truncated;
    },
    stop: () => void socket?.destroy(),
  };
}

/** Resolves when a reader has come to its end or was destroyed; rejects when reading fails. */
async function ended(socket: net.Socket): Promise<void> {
  try {
    await finished(socket, { writable: false });
  } catch (error) {
    if (errnoOf(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw wrapError('read a fifo', error);
  }
}
