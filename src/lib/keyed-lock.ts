/** Mutual exclusion by key: acts with one key run one after another in the order they asked, others beside. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `act` when every earlier act with this key has ended, however it ended; passes its outcome on. */
  async run<T>(key: string, act: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = before.then(act);
    const tail = mine.then(
      () => {},
      () => {},
    );
    this.#tails.set(key, tail);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }

  /** How many keys are held or waited for. */
  get size(): number {
    return this.#tails.size;
  }
}
