import type { Log } from './log.ts';
import { messageOf } from './errors.ts';

/**
 * The way back from a half-done act: each step pushes its own undoing, and `unwind` runs them in
 * reverse. A failing undo is logged and counted but stops neither the others nor the first error.
 */
export class Undo {
  readonly #steps: { readonly what: string; readonly act: () => Promise<void> | void }[] = [];
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Remembers how to undo what was just done; `what` completes the sentence "could not …". */
  push(what: string, act: () => Promise<void> | void): void {
    this.#steps.push({ what, act });
  }

  /** Runs every remembered step, the last first. Returns the steps that failed, by name. */
  async unwind(): Promise<string[]> {
    const failed: string[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.act();
      } catch (error) {
        failed.push(step.what);
        this.#log.warn({ error: messageOf(error) }, `could not ${step.what}`);
      }
    }
    return failed;
  }

  /** Forgets everything: the act succeeded and is to stay. */
  keep(): void {
    this.#steps.length = 0;
  }
}
