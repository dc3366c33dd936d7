import assert from 'node:assert/strict';
import { CodedError, isKind } from '../../../src/lib/errors.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import { onceReachable } from '../../../src/pod/once-reachable.ts';

describe('what has to reach containerd', () => {
  const signal = new AbortController().signal;
  let waits: string[] = [];
  const parts = {
    clock: { sleep: async () => void waits.push('sleep') } as unknown as Clock,
    containerd: { waitReady: async () => void waits.push('ready') },
  };

  beforeEach(() => (waits = []));

  /** Fails with these kinds, one after the other, and then answers. */
  function failing(...kinds: readonly ('unavailable' | 'notFound')[]): () => Promise<string> {
    const left = [...kinds];
    return async () => {
      const kind = left.shift();
      if (kind !== undefined) throw new CodedError(kind, 'no');
      return 'done';
    };
  }

  it('is asked again each time containerd is back', async () => {
    assert.equal(await onceReachable(parts, signal, failing('unavailable', 'unavailable')), 'done');
    assert.deepEqual(waits, ['sleep', 'ready', 'sleep', 'ready']);
  });

  it('fails for any other reason', async () => {
    await assert.rejects(onceReachable(parts, signal, failing('unavailable', 'notFound')), (error) => isKind(error, 'notFound'));
  });

  it('is given up when nobody waits for it any more', async () => {
    await assert.rejects(onceReachable(parts, AbortSignal.abort(), failing('unavailable')), (error) => isKind(error, 'unavailable'));
    assert.deepEqual(waits, []);
  });
});
