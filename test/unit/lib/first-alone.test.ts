import assert from 'node:assert/strict';
import { deferred } from '../../../src/lib/deferred.ts';
import type { Deferred } from '../../../src/lib/deferred.ts';
import { FirstAlone } from '../../../src/lib/first-alone.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const limitMs = 2_000;

describe('calls of which the first goes alone', () => {
  /** Calls that end when they are told to. */
  const calls = () => {
    const begun: Deferred<string>[] = [];
    const clock = new ManualClock();
    const gate = new FirstAlone(clock, limitMs);
    const run = (signal?: AbortSignal): Promise<string> =>
      gate.run(signal, 'wait for the first', async () => {
        const end = deferred<string>();
        begun.push(end);
        return end.promise;
      });
    return { begun, clock, run };
  };
  const turn = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('wait for its end, and then run side by side', async () => {
    const { begun, run } = calls();
    const all = [run(), run(), run()];
    await turn();
    assert.equal(begun.length, 1);
    begun[0]?.resolve('first');
    await turn();
    assert.equal(begun.length, 3);
    begun[1]?.resolve('second');
    begun[2]?.resolve('third');
    assert.deepEqual(await Promise.all(all), ['first', 'second', 'third']);
  });

  it('go one by one until one succeeds', async () => {
    const { begun, run } = calls();
    const failing = [run(), run()].map((each) => assert.rejects(each, /broken/));
    const succeeding = [run(), run()];
    for (const position of [0, 1]) {
      await turn();
      assert.equal(begun.length, position + 1);
      begun[position]?.reject(new Error('broken'));
    }
    await Promise.all(failing);
    await turn();
    assert.equal(begun.length, 3);
    begun[2]?.resolve('third');
    await turn();
    begun[3]?.resolve('fourth');
    assert.deepEqual(await Promise.all(succeeding), ['third', 'fourth']);
  });

  it('do not wait for one that hangs', async () => {
    const { begun, clock, run } = calls();
    const hanging = run();
    const others = [run(), run()];
    await turn();
    assert.equal(begun.length, 1);
    clock.advance(limitMs);
    while (begun.length < 3) await turn();
    for (const [position, end] of begun.entries()) end.resolve(`${position}`);
    assert.deepEqual(await Promise.all([hanging, ...others]), ['0', '1', '2']);
  });

  it('need not wait longer than they want', async () => {
    const { begun, run } = calls();
    const first = run();
    const impatient = new AbortController();
    const second = assert.rejects(run(impatient.signal), /wait for the first/);
    impatient.abort();
    await second;
    begun[0]?.resolve('first');
    assert.equal(await first, 'first');
    assert.equal(begun.length, 1);
  });
});
