import { untilAborted } from './abort.ts';
import { isWithin } from './clock.ts';
import type { Clock } from './clock.ts';

/** Lets calls through one by one until one of them has succeeded, and from then on all at once. */
export class FirstAlone {
  readonly #clock: Clock;
  readonly #limitMs: number;
  #hasSucceeded = false;
  #alone: Promise<void> | undefined;

  /** @param limitMs how long one holds up the others; one that hangs says nothing of them */
  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
  }

  /** Runs `act` when its time has come, and ends as it does; rejects when `signal` aborts while it waits. */
  async run<T>(signal: AbortSignal | undefined, what: string, act: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await untilAborted(this.#alone, signal, what);
    if (this.#hasSucceeded) return act();
    const acting = act();
    this.#alone = this.#watch(acting);
    return acting;
  }

  async #watch(acting: Promise<unknown>): Promise<void> {
    try {
      await isWithin(this.#clock, this.#limitMs, acting);
      this.#hasSucceeded = true;
    } catch {
      // The next one goes alone as well.
    }
    this.#alone = undefined;
  }
}
