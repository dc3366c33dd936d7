import { untilAborted } from '../lib/abort.ts';
import { CodedError } from '../lib/errors.ts';

interface Work<T> {
  readonly promise: Promise<T>;
  readonly abort: AbortController;
  waiters: number;
}

/**
 * Work that callers with the same key share: the first starts it, the others wait with it. Each may leave when its
 * own signal aborts; the work itself is aborted when the last one has left.
 */
export class SharedWork<T> {
  readonly #running = new Map<string, Work<T>>();

  /** Waits for the key's work, starting it where none runs. Rejects as the work does, or when `signal` aborts. */
  async join(key: string, what: string, signal: AbortSignal | undefined, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const work = this.#running.get(key) ?? this.#start(key, start);
    work.waiters += 1;
    try {
      return await untilAborted(work.promise, signal, what);
    } finally {
      work.waiters -= 1;
      if (work.waiters === 0) this.#leave(key, work, what, signal);
    }
  }

  #start(key: string, start: (signal: AbortSignal) => Promise<T>): Work<T> {
    const abort = new AbortController();
    const work: Work<T> = { promise: start(abort.signal), abort, waiters: 0 };
    this.#running.set(key, work);
    const done = (): void => {
      if (this.#running.get(key) === work) this.#running.delete(key);
    };
    work.promise.then(done, done);
    return work;
  }

  #leave(key: string, work: Work<T>, what: string, signal: AbortSignal | undefined): void {
    // Who comes now starts afresh: work that is being aborted has nothing to share.
    if (this.#running.get(key) === work) this.#running.delete(key);
    work.abort.abort(signal?.reason ?? new CodedError('canceled', `${what}: nobody waits for it any more`));
  }
}
