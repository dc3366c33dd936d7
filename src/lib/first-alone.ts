import { untilAborted } from './abort.ts';

/** Lets calls through one by one until one of them has succeeded, and from then on all at once. */
export class FirstAlone {
  #hasSucceeded = false;
  #alone: Promise<void> | undefined;

  /** Runs `act` when its time has come, and ends as it does; rejects when `signal` aborts while it waits. */
  async run<T>(signal: AbortSignal | undefined, what: string, act: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await untilAborted(this.#alone, signal, what);
    if (this.#hasSucceeded) return act();
    const acting = act();
    const settled = (hasSucceeded: boolean): void => {
      this.#hasSucceeded = hasSucceeded;
      this.#alone = undefined;
    };
    this.#alone = acting.then(
      () => settled(true),
      () => settled(false),
    );
    return acting;
  }
}
