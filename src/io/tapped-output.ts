import net from 'node:net';
import { deferred } from '../lib/deferred.ts';
import { close, O_NONBLOCK, pipe, setPipeSize } from '../linux/libc.ts';
import type { TapEnd } from './log-tap.ts';

/** What a reader may be behind; the most that a pipe takes without privileges. */
const pipeBytes = 1024 * 1024;

/** An output of a container as one listener gets it, from when it began to listen. */
export class TappedOutput {
  /** What comes; it ends with the output, or where too much waited to be read. */
  readonly source: net.Socket;
  /** The writing end, which the log thread closes. */
  readonly fd: number;
  readonly #ended = deferred<TapEnd>();
  readonly #onStop: () => void;
  #isEnded = false;

  /** `onStop` has the log thread close its end. */
  constructor(onStop: () => void) {
    const { readEnd, writeEnd } = pipe(O_NONBLOCK);
    try {
      setPipeSize(writeEnd, pipeBytes);
    } catch {
      // Over the user's limit for pipes: less may wait then.
    }
    this.fd = writeEnd;
    this.source = new net.Socket({ fd: readEnd, readable: true, writable: false });
    this.source.on('error', () => {});
    this.#onStop = onStop;
  }

  /** Why it ended; what had come by then can still be read. */
  get ended(): Promise<TapEnd> {
    return this.#ended.promise;
  }

  /** Listens no longer. */
  stop(): void {
    this.source.destroy();
    if (!this.#isEnded) this.#onStop();
  }

  /** The log thread has ended it and closed its end. */
  markEnded(why: TapEnd): void {
    this.#isEnded = true;
    this.#ended.resolve(why);
  }

  /** There is no log thread to end it. */
  abandon(): void {
    if (this.#isEnded) return;
    close(this.fd);
    this.markEnded('ended');
  }
}
