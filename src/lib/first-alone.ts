import { setTimeout as sleep } from 'node:timers/promises';
import { untilAborted } from './abort.ts';

/** Lets calls through one by one until one of them has succeeded, and from then on all at once. */
export class FirstAlone {
  readonly #limitMs: number;
  #hasSucceeded = false;
  #alone: Promise<void> | undefined;

  /** @param limitMs how long one holds up the others; one that hangs says nothing of them */
  constructor(limitMs: number) {
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
    const outcome = acting.then(
      () => true,
      () => false,
    );
    const isEnough = await Promise.race([outcome, sleep(this.#limitMs, true, { ref: false })]);
    this.#hasSucceeded = isEnough;
    this.#alone = undefined;
  }
}
