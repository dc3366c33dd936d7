import { throwIfAborted, untilAborted } from './abort.ts';
import { deferred } from './deferred.ts';
import type { Deferred } from './deferred.ts';

/** A limit to how many acts run at the same time; those beyond it wait in the order they came. */
export class Permits {
  #free: number;
  readonly #waiting: Deferred<void>[] = [];

  /** @param most how many at a time; 0 for any number */
  constructor(most: number) {
    this.#free = most === 0 ? Number.POSITIVE_INFINITY : most;
  }

  /** Runs `act` when it is its turn. Rejects as the act does, or when `signal` aborts while it still waits. */
  async run<T>(signal: AbortSignal | undefined, what: string, act: () => Promise<T>): Promise<T> {
    throwIfAborted(signal, what);
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal, what);
    try {
      return await act();
    } finally {
      this.#pass();
    }
  }

  async #wait(signal: AbortSignal | undefined, what: string): Promise<void> {
    const turn = deferred<void>();
    this.#waiting.push(turn);
    try {
      await untilAborted(turn.promise, signal, what);
    } catch (error) {
      const place = this.#waiting.indexOf(turn);
      // It was given its turn in the moment it gave up: the next one has it.
      if (place < 0) this.#pass();
      else this.#waiting.splice(place, 1);
      throw error;
    }
  }

  #pass(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next.resolve();
  }
}
