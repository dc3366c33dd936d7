import { untilAborted } from '../lib/abort.ts';
import type { Deferred } from '../lib/deferred.ts';
import { deferred } from '../lib/deferred.ts';

/**
 * Keeps GC apart from ADD and DEL: any number of these run at once, GC runs alone (CNI 1.1.0 section 3, "Lifecycle").
 * GC waits for a moment with none running and holds nobody up by waiting, since one hanging plugin would otherwise
 * stop every Pod's start.
 */
export class Gate {
  #running = 0;
  #closed: Deferred<void> | undefined;
  readonly #idle: Deferred<void>[] = [];

  /** Runs `act` beside others of its like, after an exclusive one that is running. */
  async shared<T>(act: () => Promise<T>): Promise<T> {
    while (this.#closed !== undefined) await this.#closed.promise;
    this.#running++;
    try {
      return await act();
    } finally {
      this.#running--;
      if (this.#running === 0) for (const waiting of this.#idle.splice(0)) waiting.resolve();
    }
  }

  /** Runs `act` alone, as soon as nothing else runs; throws abortError when `signal` aborts before that. */
  async exclusive<T>(act: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    while (this.#running > 0 || this.#closed !== undefined) {
      if (this.#closed !== undefined) {
        await untilAborted(this.#closed.promise, signal, 'wait for network clean-up');
        continue;
      }
      const idle = deferred();
      this.#idle.push(idle);
      await untilAborted(idle.promise, signal, 'wait for the network to be idle');
    }
    const closed = deferred();
    this.#closed = closed;
    try {
      return await act();
    } finally {
      this.#closed = undefined;
      closed.resolve();
    }
  }
}
