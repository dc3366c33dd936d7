import { throwIfAborted } from '../../../src/lib/abort.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { CodedError } from '../../../src/lib/errors.ts';

/** A call as a test sees it: `tasks.kill` and what it was given. */
export interface SeenCall {
  readonly method: string;
  readonly args: readonly unknown[];
}

interface Options {
  readonly signal?: AbortSignal;
}

/** What stands before every call to a fake: records it, and fails it or holds it back as a test wants. */
export class Faults {
  readonly calls: SeenCall[] = [];
  readonly #failures = new Map<string, unknown[]>();
  readonly #holds = new Map<string, { readonly arrived: () => void; readonly released: Promise<void> }>();
  reachable = true;

  /** The next call of `method` (`tasks.create`) fails with `error`, and does nothing. */
  failNext(method: string, error: unknown): void {
    this.#failures.set(method, [...(this.#failures.get(method) ?? []), error]);
  }

  /** No call fails any more. */
  failNoMore(): void {
    this.#failures.clear();
  }

  /** The next call of `method` waits for `release`; `arrived` resolves when it is there. */
  hold(method: string): { readonly arrived: Promise<void>; release(): void } {
    const arrived = deferred();
    const released = deferred();
    this.#holds.set(method, { arrived: () => arrived.resolve(), released: released.promise });
    return { arrived: arrived.promise, release: () => released.resolve() };
  }

  /** Lets a call pass, or throws. */
  async enter(method: string, args: readonly unknown[], options: Options | undefined): Promise<void> {
    throwIfAborted(options?.signal, method);
    this.calls.push({ method, args });
    const hold = this.#holds.get(method);
    if (hold !== undefined) {
      this.#holds.delete(method);
      hold.arrived();
      await hold.released;
      throwIfAborted(options?.signal, method);
    } else {
      await Promise.resolve(); // a real call never answers in the same turn
    }
    const failure = this.#failures.get(method)?.shift();
    if (failure !== undefined) throw failure;
    if (!this.reachable) throw new CodedError('unavailable', `${method}: containerd cannot be reached`);
  }
}
