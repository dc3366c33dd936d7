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

  it('lets the event loop turn when a millisecond is used up', async () => {
    let nowMs = 0;
    const turns = new Turns(() => nowMs);
    const order: string[] = [];
    const take = (name: string) =>
      turns.take(() => {
        nowMs += 0.6;
        order.push(name);
        setImmediate(() => order.push(`after ${name}`));
      });
    await Promise.all(['first', 'second', 'third'].map(take));
    assert.deepEqual(order, ['first', 'second', 'after first', 'after second', 'third']);
  });

  it('begins no work within the call that asks for it', async () => {
    const turns = new Turns();
    const order: string[] = [];
    const taken = turns.take(() => order.push('work'));
    order.push('asked');
    await taken;
    assert.deepEqual(order, ['asked', 'work']);
  });

  it('takes up work that is asked for while another runs, and after all was done', async () => {
    const turns = new Turns();
    const inner = await turns.take(() => ({ later: turns.take(() => 'inner') }));
    assert.equal(await inner.later, 'inner');
    assert.equal(await turns.take(() => 'again'), 'again');
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
