import { Shares } from './shares.ts';

/** A limit to how many acts run at the same time; those beyond it wait in the order they came. */
export class Permits {
  readonly #shares: Shares;

  /** @param most how many at a time; 0 for any number */
  constructor(most: number) {
    this.#shares = new Shares(most === 0 ? Number.POSITIVE_INFINITY : most - 1);
  }

  /** Runs `act` when it is its turn. Rejects as the act does, or when `signal` aborts while it still waits. */
  async run<T>(signal: AbortSignal | undefined, what: string, act: () => Promise<T>): Promise<T> {
    return this.#shares.run(this, signal, what, act);
  }
}
