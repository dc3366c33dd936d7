import { deferred, type Deferred } from './deferred.ts';

/**
 * What waits for one reader, up to `limit` items: whoever fills it never waits, and when the reader does not keep
 * up it misses the oldest.
 */
export class BoundedQueue<T> {
  readonly #limit: number;
  readonly #items: T[] = [];
  #arrival: Deferred<void> | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#items.length;
  }

  /** Adds an item; false when the oldest had to go for it. */
  push(item: T): boolean {
    const fits = this.#items.length < this.#limit;
    if (!fits) this.#items.shift();
    this.#items.push(item);
    this.#arrival?.resolve();
    return fits;
  }

  /** The oldest item, waiting for one where there is none. For one reader; rejects with the signal's reason. */
  async next(signal: AbortSignal): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      const item = this.#items.shift();
      if (item !== undefined) return item;
      await this.#arrived(signal);
    }
  }

  async #arrived(signal: AbortSignal): Promise<void> {
    const arrival = deferred();
    const wake = (): void => arrival.resolve();
    this.#arrival = arrival;
    signal.addEventListener('abort', wake, { once: true });
    try {
      await arrival.promise;
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }
}
