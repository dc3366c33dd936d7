import type { CodedError } from '../lib/errors.ts';
import type { Deferred } from '../lib/deferred.ts';
import { deferred } from '../lib/deferred.ts';

interface Call {
  readonly controller: AbortController;
  readonly streaming: boolean;
}

/** The calls being served, so that a stop can refuse new ones, wait for the old and at last abort them. */
export class Calls {
  readonly #running = new Set<Call>();
  #refusal: CodedError | undefined;
  #drained: Deferred<void> | undefined;

  /** Why new calls are refused now, or undefined. */
  get refusal(): CodedError | undefined {
    return this.#refusal;
  }

  /** How many calls are being served. */
  get size(): number {
    return this.#running.size;
  }

  /** Counts a call in. `end` counts it out again; `abort` is what ends it early. */
  begin(streaming: boolean): { readonly signal: AbortSignal; abort(reason: CodedError): void; end(): void } {
    const call: Call = { controller: new AbortController(), streaming };
    this.#running.add(call);
    return {
      signal: call.controller.signal,
      abort: (reason) => call.controller.abort(reason),
      end: () => {
        this.#running.delete(call);
        if (this.#running.size === 0) this.#drained?.resolve();
      },
    };
  }

  /** Refuses every call from now on. Streams are aborted at once, as some of them never end by themselves. */
  refuse(reason: CodedError): void {
    this.#refusal = reason;
    for (const call of this.#running) if (call.streaming) call.controller.abort(reason);
  }

  /** Aborts every call that is still running. */
  abortAll(reason: CodedError): void {
    for (const call of this.#running) call.controller.abort(reason);
  }

  /** Resolves when no call is running. */
  async drained(): Promise<void> {
    if (this.#running.size === 0) return;
    this.#drained ??= deferred();
    await this.#drained.promise;
  }
}
