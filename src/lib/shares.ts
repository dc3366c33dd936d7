import { throwIfAborted, untilAborted } from './abort.ts';
import { deferred } from './deferred.ts';
import type { Deferred } from './deferred.ts';

interface Waiting {
  readonly owner: object;
  readonly turn: Deferred<void>;
}

/**
 * A limit to how many acts run at the same time that lets nobody wait for another's many: one act of each owner always
 * runs, and so many more, of all of them together. Those beyond it wait in the order they came.
 */
export class Shares {
  readonly #more: number;
  /** How many acts of each owner run. */
  readonly #running = new Map<object, number>();
  readonly #waiting: Waiting[] = [];

  /** @param more how many run besides one of each owner */
  constructor(more: number) {
    this.#more = more;
  }

  /** Runs `act` when it is its turn. Rejects as the act does, or when `signal` aborts while it still waits. */
  async run<T>(owner: object, signal: AbortSignal | undefined, what: string, act: () => Promise<T>): Promise<T> {
    throwIfAborted(signal, what);
    if (this.#mayRun(owner)) this.#enter(owner);
    else await this.#wait(owner, signal, what);
    try {
      return await act();
    } finally {
      this.#leave(owner);
    }
  }

  async #wait(owner: object, signal: AbortSignal | undefined, what: string): Promise<void> {
    const waiting = { owner, turn: deferred<void>() };
    this.#waiting.push(waiting);
    try {
      await untilAborted(waiting.turn.promise, signal, what);
    } catch (error) {
      const place = this.#waiting.indexOf(waiting);
      // It was given its turn in the moment it gave up: the next one has it.
      if (place < 0) this.#leave(owner);
      else this.#waiting.splice(place, 1);
      throw error;
    }
  }

  #mayRun(owner: object): boolean {
    if (!this.#running.has(owner)) return true;
    let more = 0;
    for (const count of this.#running.values()) more += count - 1;
    return more < this.#more;
  }

  #enter(owner: object): void {
    this.#running.set(owner, (this.#running.get(owner) ?? 0) + 1);
  }

  #leave(owner: object): void {
    const left = (this.#running.get(owner) ?? 1) - 1;
    if (left > 0) this.#running.set(owner, left);
    else this.#running.delete(owner);
    for (const waiting of this.#waiting.slice()) {
      if (!this.#mayRun(waiting.owner)) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      this.#enter(waiting.owner);
      waiting.turn.resolve();
    }
  }
}
