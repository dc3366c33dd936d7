import { nothingMore } from './abort.ts';

/** Where podwright gets time from; tests hand in their own. */
export interface Clock {
  /** Wall-clock time in nanoseconds since the epoch. */
  nowNs(): bigint;
  /** Resolves after `ms` milliseconds, or rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Whether `promise` is fulfilled within `ms` milliseconds; rejects as it does. The promise itself goes on. */
export async function isWithin(clock: Clock, ms: number, promise: Promise<unknown>): Promise<boolean> {
  const enough = new AbortController();
  const late = clock.sleep(ms, enough.signal).then(
    () => false,
    () => false,
  );
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    enough.abort(nothingMore);
  }
}

/** The longest that one of Node's timers waits, ms, some 24 days; a longer one would end at once. */
export const maxTimerMs = 2 ** 31 - 1;

/**
 * The real clock. Date has milliseconds only, and the kubelet sorts containers by created_at, so two made
 * in one millisecond need more digits: the monotonic clock supplies them, and re-anchors to the wall clock
 * when the two have drifted apart by more than 50 ms (an NTP step, a suspend).
 */
export function systemClock(): Clock {
  let baseNs = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
  let lastNs = 0n;
  return {
    nowNs() {
      const wallNs = BigInt(Date.now()) * 1_000_000n;
      let now = baseNs + process.hrtime.bigint();
      const drift = now - wallNs;
      if (drift > 50_000_000n || drift < -50_000_000n) {
        baseNs = wallNs - process.hrtime.bigint();
        now = wallNs;
      }
      if (now <= lastNs && lastNs - now < 50_000_000n) now = lastNs + 1n;
      lastNs = now;
      return now;
    },
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(toError(signal.reason));
          return;
        }
        const onAbort = (): void => {
          clearTimeout(timer);
          reject(toError(signal?.reason));
        };
        let leftMs = ms;
        let timer: NodeJS.Timeout;
        const wait = (): void => {
          if (leftMs > maxTimerMs) {
            leftMs -= maxTimerMs;
            timer = setTimeout(wait, maxTimerMs);
            return;
          }
          timer = setTimeout(() => {
            signal?.removeEventListener('abort', onAbort);
            resolve();
          }, leftMs);
        };
        wait();
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },
  };
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
