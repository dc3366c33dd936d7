/**
 * Bytes that their reader wants back. Whoever still needs them when its call returns either copies or holds them; the
 * reader has them back when all have let go.
 */
export class Lease {
  readonly #release: () => void;
  #holders = 1;

  constructor(release: () => void) {
    this.#release = release;
  }

  /** Keeps the bytes until what is returned is called, once. */
  hold(): () => void {
    this.#holders++;
    return () => this.letGo();
  }

  /** The reader's own hold ends. */
  letGo(): void {
    if (--this.#holders === 0) this.#release();
  }
}
