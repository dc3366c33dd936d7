import { errnoOf } from '../lib/errors.ts';
import { close, write } from '../linux/libc.ts';

/** Why a tap ended: with the output; because its reader took too little; or as that has gone. */
export type TapEnd = 'ended' | 'behind' | 'gone';

/**
 * Somebody who listens to a container's output, in the log thread: the writing end of a pipe, whose size is all that
 * may wait. Neither the log nor the container ever waits for it: what finds no room ends the tap.
 */
export class LogTap {
  readonly #fd: number;
  readonly #onEnd: (why: TapEnd) => void;
  #isOpen = true;

  /** `fd` does not block, and is closed with the tap. */
  constructor(fd: number, onEnd: (why: TapEnd) => void) {
    this.#fd = fd;
    this.#onEnd = onEnd;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Hands bytes on; false when it has ended, by this or before. */
  give(bytes: Uint8Array): boolean {
    if (!this.#isOpen) return false;
    try {
      // A part of it has found room: the reader gets that, and is told that more is missing.
      if (write(this.#fd, bytes) < bytes.length) this.end('behind');
    } catch (error) {
      this.end(errnoOf(error) === 'EAGAIN' ? 'behind' : 'gone');
    }
    return this.#isOpen;
  }

  end(why: TapEnd): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    close(this.#fd);
    this.#onEnd(why);
  }
}

/** All who listen to one output. */
export class LogTaps {
  readonly #taps = new Set<LogTap>();

  /** Adds one, and forgets those that have left meanwhile. */
  add(tap: LogTap): void {
    for (const other of this.#taps) if (!other.isOpen) this.#taps.delete(other);
    this.#taps.add(tap);
  }

  /** Gives bytes to all, and forgets those that have ended. */
  give(bytes: Uint8Array): void {
    for (const tap of this.#taps) if (!tap.give(bytes)) this.#taps.delete(tap);
  }

  end(): void {
    for (const tap of this.#taps) tap.end('ended');
    this.#taps.clear();
  }
}
