import assert from 'node:assert/strict';
import { Turns } from '../../../src/lib/turns.ts';

describe('Turns', () => {
  it('runs work in the order it was asked for and gives its results', async () => {
    const turns = new Turns();
    const order: number[] = [];
    const take = (n: number) => turns.take(() => (order.push(n), n * 10));
    assert.deepEqual(await Promise.all([take(1), take(2), take(3)]), [10, 20, 30]);
    assert.deepEqual(order, [1, 2, 3]);
  });

  it('lets the event loop turn between two pieces of work', async () => {
    const turns = new Turns();
    const order: string[] = [];
    const all = Promise.all(
      ['first', 'second', 'third'].map((name) =>
        turns.take(() => {
          order.push(name);
          setImmediate(() => order.push(`after ${name}`));
        }),
      ),
    );
    await all;
    assert.deepEqual(order, ['first', 'after first', 'second', 'after second', 'third']);
  });

  it('goes on after work that throws', async () => {
    const turns = new Turns();
    const bad = turns.take(() => {
      throw new Error('broken');
    });
    const good = turns.take(() => 'done');
    await assert.rejects(bad, /broken/);
    assert.equal(await good, 'done');
  });
});
