import { closeSync, constants, fstatSync, ftruncateSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { CodedError, errnoOf, messageOf, wrapError } from '../lib/errors.ts';
import { seekEnd, write } from '../linux/libc.ts';
import type { LogPosition } from './log-journal.ts';

/** What became of a batch: `written` bytes are in the file, and all of them where there is no error. */
export interface Appended {
  readonly written: number;
  readonly error?: unknown;
}

/** A file stands in the way, or a link leads round: the Pod's log_directory is no folder and will not become one. */
function makeLogFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
  } catch (error) {
    if (!['EEXIST', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(errnoOf(error) ?? '')) throw error;
    throw new CodedError('failedPrecondition', `make the folder of logs ${folder}: ${messageOf(error)}`, { cause: error });
  }
}

/** A container's log file, as the kubelet reads it. */
export class LogFile {
  readonly #fd: number;
  readonly #dev: bigint;
  readonly #ino: bigint;

  /**
   * Opens the file for appending or makes it, with its folder. The last component is not followed where it is a
   * symlink, and has to be a regular file: whoever can write to the log folder must not turn the daemon's pen
   * elsewhere, nor make it wait for a FIFO's reader. `failedPrecondition` then.
   */
  constructor(file: string) {
    const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
    makeLogFolder(path.dirname(file));
    try {
      this.#fd = openSync(file, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o640);
    } catch (error) {
      if (!['ELOOP', 'ENXIO', 'EISDIR'].includes(errnoOf(error) ?? '')) throw wrapError(`open log ${file}`, error);
      throw new CodedError('failedPrecondition', `open log ${file}: it is no regular file`, { cause: error });
    }
    const stat = fstatSync(this.#fd, { bigint: true });
    if (!stat.isFile()) {
      closeSync(this.#fd);
      throw new CodedError('failedPrecondition', `open log ${file}: it is no regular file`);
    }
    this.#dev = stat.dev;
    this.#ino = stat.ino;
  }

  /** Which file this is and how long it is now. */
  position(): LogPosition {
    return { dev: this.#dev, ino: this.#ino, size: seekEnd(this.#fd) };
  }

  /**
   * Appends whole records with one write where the disk takes them. Where it does not (full, over quota, broken)
   * the record that was cut is taken back, so that the next one starts on a line of its own.
   */
  append(records: Buffer): Appended {
    let written = 0;
    try {
      while (written < records.length) written += write(this.#fd, written === 0 ? records : records.subarray(written));
      return { written };
    } catch (error) {
      const whole = written === 0 ? 0 : records.lastIndexOf(0x0a, written - 1) + 1;
      this.#takeBack(written - whole);
      return { written: whole, error };
    }
  }

  #takeBack(bytes: number): void {
    if (bytes === 0) return;
    try {
      ftruncateSync(this.#fd, seekEnd(this.#fd) - bytes);
    } catch {
      // The disk refuses even that; the kubelet skips a line it cannot read.
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
