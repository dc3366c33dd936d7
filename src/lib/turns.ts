/** How long the work of one turn may take before the event loop gets to do something else, ms. */
const budgetMs = 1;

/**
 * Does many short pieces of synchronous work in the order they are asked for, a millisecond's worth in each turn of
 * the event loop: a hundred cgroups that are read at once must not keep other calls waiting for all of them. A turn
 * for each piece would cost as much as the pieces do.
 */
export class Turns {
  readonly #nowMs: () => number;
  readonly #waiting: (() => void)[] = [];
  #isRunning = false;

  /** `nowMs` is a monotonic clock. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Runs `work` after all before it; its result, or what it throws. */
  take<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          resolve(work());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
      if (this.#isRunning) return;
      this.#isRunning = true;
      setImmediate(() => this.#turn());
    });
  }

  #turn(): void {
    const endMs = this.#nowMs() + budgetMs;
    let done = 0;
    for (const work of this.#waiting) {
      work();
      done += 1;
      if (this.#nowMs() >= endMs) break;
    }
    this.#waiting.splice(0, done);
    this.#isRunning = this.#waiting.length > 0;
    if (this.#isRunning) setImmediate(() => this.#turn());
  }
}
