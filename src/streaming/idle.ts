/** Calls `onIdle` when nobody has called `touch` for a while; costs nothing but a number each time. */
export class IdleTimer {
  readonly #idleMs: number;
  readonly #onIdle: () => void;
  #touchedMs = performance.now();
  #timer: NodeJS.Timeout;

  constructor(idleMs: number, onIdle: () => void) {
    this.#idleMs = idleMs;
    this.#onIdle = onIdle;
    this.#timer = this.#arm(idleMs);
  }

  touch(): void {
    this.#touchedMs = performance.now();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #arm(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      const leftMs = this.#touchedMs + this.#idleMs - performance.now();
      if (leftMs <= 0) this.#onIdle();
      else this.#timer = this.#arm(leftMs);
    }, ms).unref();
  }
}
