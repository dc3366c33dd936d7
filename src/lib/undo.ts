import type { Log } from './log.ts';
import { messageOf } from './errors.ts';

interface Step {
  readonly what: string;
  readonly act: () => Promise<void> | void;
}

/**
 * The way back from a half-done act: each step pushes its own undoing, and `unwind` runs them in
 * reverse. A failing undo is logged and kept but stops neither the others nor the first error.
 */
export class Undo {
  readonly #steps: Step[] = [];
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Remembers how to undo what was just done; `what` completes the sentence "could not …". */
  push(what: string, act: () => Promise<void> | void): void {
    this.#steps.push({ what, act });
  }

  /** Runs every remembered step, the last first. Returns the steps that failed, by name: those another call tries again. */
  async unwind(): Promise<string[]> {
    const failed: Step[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.act();
      } catch (error) {
        failed.push(step);
        this.#log.warn({ error: messageOf(error) }, `could not ${step.what}`);
      }
    }
    this.#steps.push(...failed.toReversed());
    return failed.map(({ what }) => what);
  }

  /** Forgets everything: the act succeeded and is to stay. */
  keep(): void {
    this.#steps.length = 0;
  }
}
