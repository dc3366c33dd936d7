import assert from 'node:assert/strict';
import fc from 'fast-check';
import { BoundedQueue } from '../../../src/lib/bounded-queue.ts';
import { CodedError } from '../../../src/lib/errors.ts';

const never = new AbortController().signal;

describe('a bounded queue', () => {
  it('hands over what was put in, in order, and waits for more', async () => {
    const queue = new BoundedQueue<number>(10);
    queue.push(1);
    queue.push(2);
    assert.deepEqual([await queue.next(never), await queue.next(never)], [1, 2]);
    const third = queue.next(never);
    queue.push(3);
    assert.equal(await third, 3);
  });

  it('keeps the newest and says so when the oldest had to go', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 5 }), (items, limit) => {
        const queue = new BoundedQueue<number>(limit);
        const fitted = items.map((item) => queue.push(item));
        assert.deepEqual(fitted, items.map((_, i) => i < limit));
        assert.equal(queue.size, Math.min(items.length, limit));
      }),
    );
  });

  it('gives up waiting with the reason it is told', async () => {
    const queue = new BoundedQueue<number>(10);
    const giveUp = new AbortController();
    const waiting = queue.next(giveUp.signal);
    giveUp.abort(new CodedError('canceled', 'the client gave the call up'));
    await assert.rejects(waiting, { kind: 'canceled' });
    queue.push(1);
    await assert.rejects(queue.next(giveUp.signal), { kind: 'canceled' });
    assert.equal(await queue.next(never), 1);
  });
});
