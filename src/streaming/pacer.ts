import type { Readable } from 'node:stream';

/** How many readers go on in one turn of the event loop, with 128 KiB each at the most: a millisecond or two. */
const perTurn = 8;

/** What the thread may wait for a processor between two turns, ms, before streams give way. */
const fairWaitMs = 0.2;
const maxPauseMs = 4;
/** What is shorter than a timer can be is none. */
const minPauseMs = 0.5;

/**
 * Lets readers go on, some in each turn of the event loop, in the order they ask. A hundred streams that all have
 * something in every turn would make each turn last as long as all of them do, and a call takes several turns: the
 * median of calls amid a hundred execs at full rate was 2 s without this and is 10 ms with it (2026-11-21).
 *
 * So many streams also take every processor of a small node, between podwright, the shims and what writes and reads
 * them, and then calls wait to run at all. So turns that have more readers behind them pause while this thread waits for
 * a processor: with two, and others at work, a percent of calls took 50 to 120 ms, and 10 to 50 ms at a quarter
 * fewer bytes with it (2026-11-21).
 */
export class Pacer {
  readonly #waiting: Readable[] = [];
  readonly #waitedMs: () => number;
  readonly #later: (act: () => void, ms: number) => void;
  #isRunning = false;
  #alone: Readable | undefined;
  #left = 0;
  #lastWaitedMs = 0;
  #pauseMs = 0;

  /** `waitedMs`: how long this thread has waited for a processor, in all; `later` is as setTimeout. */
  constructor(waitedMs: () => number = () => 0, later: (act: () => void, ms: number) => void = setTimeout) {
    this.#waitedMs = waitedMs;
    this.#later = later;
  }

  /** Resumes a reader that has stopped, when it is its turn. */
  resume(reader: Readable): void {
    this.#waiting.push(reader);
    if (!this.#isRunning) this.#next();
  }

  /**
   * Whether a reader that has just read may do so again without another turn: as long as it is the only one, and no
   * more than all together in one turn. Stopping and resuming costs as much as to carry what was read.
   */
  goesOn(reader: Readable): boolean {
    return reader === this.#alone && this.#waiting.length === 0 && --this.#left > 0;
  }

  #next(): void {
    this.#isRunning = true;
    const pauseMs = this.#waiting.length > perTurn ? this.#pause() : 0;
    if (pauseMs < minPauseMs) setImmediate(() => this.#turn());
    else this.#later(() => this.#turn(), pauseMs);
  }

  #turn(): void {
    const turn = this.#waiting.splice(0, perTurn);
    this.#alone = turn.length === 1 ? turn[0] : undefined;
    this.#left = perTurn;
    for (const reader of turn) reader.resume();
    if (this.#waiting.length > 0) this.#next();
    else this.#isRunning = false;
  }

  /** Longer with each turn that had to wait, and shorter with each that had not. */
  #pause(): number {
    const waitedMs = this.#waitedMs();
    const sinceMs = waitedMs - this.#lastWaitedMs;
    this.#lastWaitedMs = waitedMs;
    this.#pauseMs = sinceMs > fairWaitMs ? Math.min(maxPauseMs, this.#pauseMs + sinceMs / 2) : this.#pauseMs * 0.8;
    return this.#pauseMs;
  }
}
