import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { pread, punchHole, seekEnd, splice } from '../linux/libc.ts';

const pageBytes = 4096;
const punchEveryBytes = 64 * 1024;

/**
 * The way from a FIFO to the log of a daemon that can be killed at any instruction. Reading a FIFO into memory
 * loses what was read; splice moves the bytes to this file on a tmpfs within one system call, so each byte is in
 * the FIFO or here, whenever the kill comes. The file's size says how much was ever taken; what the log has is
 * given back to the kernel page by page, so that a stage holds some 64 KiB though its size only grows.
 */
export class LogStage {
  readonly #file: string;
  readonly #fd: number;
  #size: number;
  #released = 0;

  /** Opens the stage or makes it. */
  constructor(file: string) {
    this.#file = file;
    this.#fd = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o600);
    this.#size = seekEnd(this.#fd);
  }

  /** How many bytes it ever took. */
  get size(): number {
    return this.#size;
  }

  /** Takes up to `maxBytes` out of the FIFO. 0 means its end; throws EAGAIN when there is nothing now. */
  take(fifoFd: number, maxBytes: number): number {
    const taken = splice(fifoFd, this.#fd, maxBytes);
    this.#size += taken;
    return taken;
  }

  /** Copies from offset `at` into `target`, and gives how much. */
  read(target: Buffer, at: number): number {
    return target.length === 0 ? 0 : pread(this.#fd, target, at);
  }

  /** Says that what lies before offset `upTo` is not needed any more. */
  release(upTo: number): void {
    if (upTo - this.#released < punchEveryBytes) return;
    const end = upTo - (upTo % pageBytes);
    punchHole(this.#fd, this.#released, end - this.#released);
    this.#released = end;
  }

  close(): void {
    closeSync(this.#fd);
  }

  remove(): void {
    rmSync(this.#file, { force: true });
  }
}
