import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Gives each of many short pieces of synchronous work a turn of the event loop of its own, in the order they are
 * asked for: a hundred cgroups that are read at once must not keep other calls waiting for all of them.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` after all before it; its result, or what it throws. */
  take<T>(work: () => T): Promise<T> {
    const mine = this.#last.then(() => nextTurn()).then(work);
    this.#last = mine.catch(() => {});
    return mine;
  }
}
