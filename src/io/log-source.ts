import { closeSync, constants, openSync } from 'node:fs';
import { errnoOf, messageOf } from '../lib/errors.ts';
import { read, setPipeSize } from '../linux/libc.ts';
import type { LogStream } from './log-line.ts';
import { LogStage } from './log-stage.ts';
import { LogTaps } from './log-tap.ts';

/** What one read of a FIFO gave. */
export type Taken = { readonly bytes: number } | 'nothing' | 'end';

// Four times the default: fewer and larger batches under load, and more patience while podwright is away.
const pipeBytes = 256 * 1024;

/** One output of a container: its FIFO, its stage, and how far its bytes have come. */
export class LogSource {
  readonly stream: LogStream;
  readonly fifoFd: number;
  /** Taken and not yet in the log: a line that has no end so far. */
  rest: Buffer = Buffer.alloc(0);
  /** The stage's bytes that are in the log. */
  settled = 0;
  ended = false;
  /** Who else gets what is taken. */
  readonly taps = new LogTaps();
  /** Absent where bytes go straight to memory: nothing is logged, or the stage's disk took nothing more. */
  #stage: LogStage | undefined;

  /** Opens the FIFO without waiting for a writer, and the stage where a file for it is given. */
  constructor(stream: LogStream, fifo: string, stageFile: string | undefined) {
    this.stream = stream;
    this.fifoFd = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (stageFile !== undefined) this.#stage = new LogStage(stageFile);
    } catch (error) {
      closeSync(this.fifoFd);
      throw error;
    }
    try {
      setPipeSize(this.fifoFd, pipeBytes);
    } catch {
      // Over the user's limit for pipes: the size it has does too.
    }
  }

  get staged(): boolean {
    return this.#stage !== undefined;
  }

  /** How many bytes the stage has taken in all. */
  get stagedBytes(): number {
    return this.#stage?.size ?? 0;
  }

  /** Moves what the FIFO has into `target`. A stage that fails is given up: `onUnstaged` says why. */
  take(target: Buffer, onUnstaged: (why: string) => void): Taken {
    if (this.#stage !== undefined) {
      try {
        const at = this.#stage.size;
        const bytes = this.#stage.take(this.fifoFd, target.length);
        return bytes === 0 ? 'end' : { bytes: this.#stage.read(target.subarray(0, bytes), at) };
      } catch (error) {
        if (errnoOf(error) === 'EAGAIN') return 'nothing';
        this.#giveUpStage();
        onUnstaged(messageOf(error));
      }
    }
    try {
      const bytes = read(this.fifoFd, target);
      return bytes === 0 ? 'end' : { bytes };
    } catch (error) {
      if (errnoOf(error) === 'EAGAIN') return 'nothing';
      throw error;
    }
  }

  /** Copies staged bytes from offset `at` again, after a restart. */
  reread(target: Buffer, at: number): number {
    return this.#stage?.read(target, at) ?? 0;
  }

  /** Says that `bytes` more are in the log. */
  settle(bytes: number): void {
    if (this.#stage === undefined) return;
    this.settled += bytes;
    this.#stage.release(this.settled);
  }

  // The file goes, so that a restart does not take its old bytes for new ones.
  #giveUpStage(): void {
    this.#stage?.close();
    this.#stage?.remove();
    this.#stage = undefined;
    this.settled = 0;
  }

  /** Closes the FIFO, at its end or for good. */
  endReading(): void {
    if (!this.ended) closeSync(this.fifoFd);
    this.ended = true;
    this.taps.end();
  }

  /** Closes the FIFO and the stage; the stage's file stays. */
  close(): void {
    this.endReading();
    this.#stage?.close();
    this.#stage = undefined;
  }

  /** Removes the stage's file. */
  removeStage(): void {
    this.#stage?.remove();
  }
}
