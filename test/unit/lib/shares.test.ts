import assert from 'node:assert/strict';
import { deferred } from '../../../src/lib/deferred.ts';
import { isKind } from '../../../src/lib/errors.ts';
import { Shares } from '../../../src/lib/shares.ts';
import type { Deferred } from '../../../src/lib/deferred.ts';

describe('shares', () => {
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('are one for each owner and so many more for all, in the order they came', async () => {
    const { act, began, end } = fixture(1);
    const all = ['a1', 'a2', 'a3', 'b1', 'b2', 'c1'].map(act);
    await settle();
    assert.deepEqual(began, ['a1', 'a2', 'b1', 'c1']);
    await end('c1');
    assert.deepEqual(began.slice(4), [], 'its share was its own');
    await end('a2');
    assert.deepEqual(began.slice(4), ['a3']);
    await end('a3');
    assert.deepEqual(began.slice(5), ['b2']);
    for (const name of ['a1', 'b1', 'b2']) await end(name);
    await Promise.all(all);
  });

  it('of an owner whose first act ends first go to its next', async () => {
    const { act, began, end } = fixture(1);
    const all = ['a1', 'a2', 'b1', 'b2', 'b3'].map(act);
    await settle();
    await end('b1');
    assert.deepEqual(began, ['a1', 'a2', 'b1', 'b2']);
    await end('a1');
    assert.deepEqual(began.slice(4), ['b3'], 'what is left of the other is its own one');
    for (const name of ['a2', 'b2', 'b3']) await end(name);
    await Promise.all(all);
  });

  it('are one after the other where there are no more', async () => {
    const { act, began, end } = fixture(0);
    const all = ['a1', 'a2'].map(act);
    await settle();
    assert.deepEqual(began, ['a1']);
    for (const name of ['a1', 'a2']) await end(name);
    await Promise.all(all);
  });

  it('go on after an act that failed, and after one that gave up waiting', async () => {
    const { shares, act, end } = fixture(0);
    const owner = {};
    const gate = deferred<void>();
    const failing = shares.run(owner, undefined, 'act', async () => {
      await gate.promise;
      throw new Error('broken');
    });
    const impatient = new AbortController();
    const given = shares.run(owner, impatient.signal, 'wait', async () => 'never');
    const last = shares.run(owner, undefined, 'act', async () => 'done');
    await settle();
    impatient.abort();
    await assert.rejects(given, (error) => isKind(error, 'canceled'));
    gate.resolve();
    await assert.rejects(failing, /broken/);
    assert.equal(await last, 'done');
    const other = act('b1');
    await end('b1');
    await other;
  });

  it('are not lost by one that gives up when its turn has come', async () => {
    const { shares } = fixture(0);
    const owner = {};
    const gate = deferred<void>();
    const first = shares.run(owner, undefined, 'act', () => gate.promise);
    const impatient = new AbortController();
    const given = shares.run(owner, impatient.signal, 'wait', async () => 'never');
    given.catch(() => {});
    gate.resolve();
    impatient.abort();
    await first;
    await given.catch(() => {});
    assert.equal(await shares.run(owner, undefined, 'act', async () => 'again'), 'again');
  });

  function fixture(more: number) {
    const shares = new Shares(more);
    const owners = new Map<string, object>();
    const gates = new Map<string, Deferred<void>>();
    const began: string[] = [];
    // The letter is whose it is.
    const act = (name: string): Promise<void> => {
      const owner = owners.get(name.slice(0, 1)) ?? {};
      owners.set(name.slice(0, 1), owner);
      const gate = deferred<void>();
      gates.set(name, gate);
      return shares.run(owner, undefined, 'act', async () => {
        began.push(name);
        await gate.promise;
      });
    };
    const end = async (name: string): Promise<void> => {
      gates.get(name)?.resolve();
      await settle();
    };
    return { shares, act, began, end };
  }
});
