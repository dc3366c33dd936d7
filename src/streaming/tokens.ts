import { randomBytes } from 'node:crypto';
import { CodedError } from '../lib/errors.ts';

/** How many tokens may wait for their client. */
export const maxTokens = 1000;
/** How long a token may wait, ms. */
export const tokenLifeMs = 60_000;

interface Issued<T> {
  readonly target: T;
  readonly expiresAtMs: number;
}

/** What was promised to whoever comes with the right token: each holds once, and for a minute. */
export class Tokens<T> {
  readonly #nowMs: () => number;
  /** In the order of their end. */
  readonly #issued = new Map<string, Issued<T>>();

  /** `nowMs` is a clock that never goes back. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** A new token for `target`, 192 random bits. RESOURCE_EXHAUSTED when too many wait already. */
  issue(target: T): string {
    this.#dropExpired();
    if (this.#issued.size >= maxTokens) {
      throw new CodedError(
        'resourceExhausted',
        `${maxTokens} streams wait for their clients already; one that nobody comes for is dropped after ${tokenLifeMs / 1000} s`,
      );
    }
    const token = randomBytes(24).toString('base64url');
    this.#issued.set(token, { target, expiresAtMs: this.#nowMs() + tokenLifeMs });
    return token;
  }

  /** What a token stands for, as long as it holds. */
  peek(token: string): T | undefined {
    this.#dropExpired();
    return this.#issued.get(token)?.target;
  }

  /** Uses a token up. */
  use(token: string): void {
    this.#issued.delete(token);
  }

  get size(): number {
    return this.#issued.size;
  }

  #dropExpired(): void {
    const now = this.#nowMs();
    for (const [token, { expiresAtMs }] of this.#issued) {
      if (expiresAtMs > now) return;
      this.#issued.delete(token);
    }
  }
}
