import { CodedError } from './errors.ts';

/** The reason of an abort that tells nobody anything. Without one, each abort makes an error with a stack, and that is slow. */
export const nothingMore = new CodedError('canceled', 'it has ended');

/** Throws what made `signal` abort, as a CodedError: `deadlineExceeded` for a time-out, else `canceled`. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw abortError(signal, what);
}

/** The CodedError that stands for an aborted signal. */
export function abortError(signal: AbortSignal, what: string): CodedError {
  const reason: unknown = signal.reason;
  if (reason instanceof CodedError) return new CodedError(reason.kind, `${what}: ${reason.message}`, { cause: reason });
  const timedOut = reason instanceof Error && reason.name === 'TimeoutError';
  return new CodedError(timedOut ? 'deadlineExceeded' : 'canceled', `${what}: ${timedOut ? 'timed out' : 'canceled'}`, {
    cause: reason,
  });
}

/** Waits for `promise`, but no longer than until `signal` aborts. The promise itself goes on. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined, what: string): Promise<T> {
  if (signal === undefined) return promise;
  throwIfAborted(signal, what);
  let onAbort: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(abortError(signal, what));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Runs `act` under a signal that aborts `ms` after `signal` does, and for its reason. */
export async function withGrace<T>(signal: AbortSignal | undefined, ms: number, act: (late: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => late.abort(signal?.reason), ms);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await act(late.signal);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    clearTimeout(timer);
  }
}

/** A signal that aborts with another one until it is let go: for what is not to be ended any more once it got so far. */
export function followSignal(signal: AbortSignal): { readonly signal: AbortSignal; letGo(): void } {
  const abort = new AbortController();
  const onAbort = (): void => abort.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return { signal: abort.signal, letGo: () => signal.removeEventListener('abort', onAbort) };
}
