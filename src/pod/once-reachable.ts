import { isKind } from '../lib/errors.ts';
import type { Parts } from './parts.ts';

const retryMs = 200;

/**
 * Asks containerd for what has to come about although containerd is away for a while: asks again when it is back.
 * Fails as `ask` does for any other reason, and when `signal` aborts.
 */
export async function onceReachable<T>(
  { clock, containerd }: Pick<Parts, 'clock'> & { readonly containerd: Pick<Parts['containerd'], 'waitReady'> },
  signal: AbortSignal,
  ask: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isKind(error, 'unavailable') || signal.aborted) throw error;
      // A connection that has just broken is not known as broken at once.
      await clock.sleep(retryMs, signal);
      await containerd.waitReady(signal);
    }
  }
}
